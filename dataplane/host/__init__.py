"""The machine itself: capabilities, limits, cgroups, mounts, and the proof that the root namespace is untouched."""
