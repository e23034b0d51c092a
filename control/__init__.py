"""Kubernetes and the lab. Asynchronous; may import policy, cni and dataplane."""
