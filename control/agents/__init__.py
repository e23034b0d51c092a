"""What runs in a node: kubelet, proxy, policy enforcer. Clients of the API through their node's namespace."""
