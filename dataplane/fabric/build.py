"""A whole lab's wires: made, repaired, grown, removed."""

from dataplane.model.topology import FabricPlan, NodePlan


def build(plan: FabricPlan) -> None:
    """Make what is missing and mend what differs; nothing is touched that is as planned.

    Afterwards nodes reach each other and the internet, and packets of pods' ranges find their node.
    Namespaces: ``plan.netns``, ``plan.internet.netns`` and each node's. Raises KernelError.
    """
    raise NotImplementedError


def add_node(plan: FabricPlan, node: NodePlan) -> None:
    """Plug one more node into a lab that is up; ``plan`` already holds it."""
    raise NotImplementedError


def remove_node(plan: FabricPlan, node: NodePlan) -> None:
    """Take a node out, its pods' namespaces not included; ``plan`` no longer holds it."""
    raise NotImplementedError


def destroy(lab: str) -> None:
    """Remove all of a lab's namespaces, pods' included. Kill the lab's processes first."""
    raise NotImplementedError
