"""People (contract 8): who the events are of, kept in the transactions that store and remove them, and its proof."""
