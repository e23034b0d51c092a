"""Subresources: status, scale, binding, eviction, logs, exec, token."""
