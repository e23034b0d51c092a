"""Frozen values that every kernel backend compiles from. No I/O; the only part of dataplane that policy may import."""
