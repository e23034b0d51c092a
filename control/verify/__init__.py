"""Reachability by real connections, beside what the oracle says."""
