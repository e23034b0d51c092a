"""The whole verdict table of a node from a snapshot of the cluster."""

from collections.abc import Iterable

from dataplane.model.address import IPNetwork
from dataplane.model.verdict import VerdictTable
from policy.compile.delta import Compiler
from policy.model import Policy
from policy.world import World


def compile_table(
    world: World, policies: Iterable[Policy], node: str, local: tuple[IPNetwork, ...]
) -> VerdictTable:
    """What a node's kernel must hold. local: the node's pod ranges, one a family."""
    compiler = Compiler(node, local)
    for policy in policies:
        compiler.set_policy(policy)
    for namespace in world.namespaces.values():
        compiler.set_namespace(namespace)
    for pod in world.pods.values():
        compiler.set_pod(pod)
    compiler.take()
    return compiler.table()
