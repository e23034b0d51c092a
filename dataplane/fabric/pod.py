"""A pod's link: attached with the node's end down, enabled when its policy is in force."""

from dataplane.model.topology import PodPort


def attach(port: PodPort) -> None:
    """Namespace, link, addresses, routes and neighbours of a pod; the node's end stays down.

    Doing it again changes nothing. Raises KernelError; then nothing is left of the link.
    """
    raise NotImplementedError


def enable(node_netns: str, host_interface: str) -> None:
    """Put the node's end up: from now on packets pass."""
    raise NotImplementedError


def detach(node_netns: str, host_interface: str, netns: str | None = None) -> None:
    """Remove the link (and the pod's namespace where it is given). What is gone already is no error."""
    raise NotImplementedError
