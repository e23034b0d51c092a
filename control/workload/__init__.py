"""Processes of pods: the zygote, containers, stand-ins."""
