"""People (contract 8): identities and devices' marks are kept; who, how many and when is asked of the events."""
