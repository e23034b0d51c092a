"""Runs a conflist: ours in-process, foreign plugins by exec."""
