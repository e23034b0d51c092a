"""Names and numbers of Kubernetes that several of our processes must agree on."""

from typing import Final

INITIAL_END: Final = "k8s.io/initial-events-end"
"""Annotation of the bookmark that ends what was there when a watch began."""
KUBELET_PORT: Final = 10250
NODE_LEASE_NAMESPACE: Final = "kube-node-lease"
