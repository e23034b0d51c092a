"""Address pools and the ledger of who holds what."""
