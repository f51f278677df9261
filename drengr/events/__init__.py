"""What an event is, and the rules that every door shares (contract 2, 3). Pure."""
