"""The CNI specification's configuration and result as values."""
