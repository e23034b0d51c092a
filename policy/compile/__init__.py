"""Policies and a world of pods to verdict tables, and one change to the least change."""
