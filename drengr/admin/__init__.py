"""What the admin door takes and shows (contract 6). Pure."""
