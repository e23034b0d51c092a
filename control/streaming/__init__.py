"""Bytes of upgraded connections, and SPDY/3.1 on them: what exec, attach and port-forward are carried by. May import nothing else of control."""
