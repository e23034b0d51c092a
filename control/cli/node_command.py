"""``podwire node add | remove``: nodes come and go in a running lab."""

from dataclasses import dataclass

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option
from control.lab.directory import LabDirectory
from control.lab.plan import LabPlan
from control.lab.spec import LabSpec


@dataclass(frozen=True, slots=True)
class _Open:
    """A running lab, read from its directory."""

    directory: LabDirectory
    plan: LabPlan
    port: int

    @property
    def spec(self) -> LabSpec:
        return self.plan.spec


def _open(directory: LabDirectory) -> _Open:
    from control.lab.stop import must_run
    from control.lab.up import stored_plan

    must_run(directory)
    return _Open(directory, *stored_plan(directory))


@click.group(
    help="Add a node to a running lab, or take one out.", epilog="Example: sudo podwire node add node-3"
)
def command() -> None:
    pass


@command.command(
    epilog="Example: sudo podwire node add node-3 --label zone=b",
    help="Plug one more worker into a running lab and wait until it is Ready.",
)
@name_option
@click.argument("node")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label; repeatable.")
def add(name: str, node: str, labels: tuple[str, ...]) -> None:
    require_root("Making a network namespace")
    from control.lab import nodes
    from control.lab.ready import wait_for_nodes

    parsed = tuple(_label(text) for text in labels)
    directory = existing(name)
    with directory.locked("node add"):
        lab = _open(directory)
        nodes.finish_removals(lab.plan, directory, lab.port)
        spec = nodes.with_node(lab.spec, node, parsed)
        grown = nodes.add(lab.plan, lab.directory, lab.port, spec)
        wait_for_nodes(lab.directory, lab.port, (node,), 60, lambda: None)
    added = grown.fabric.node(node)
    click.echo(f"{node} is Ready: {', '.join(map(str, added.addresses))}, pods {added.pod_cidrs[0]}")


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.UsageError(f"--label {text}: expected KEY=VALUE.")
    return key, value


@command.command(
    epilog="Example: sudo podwire node remove node-2",
    help="Delete a worker's pods, then the worker: agents, objects, namespace, and every way to it.",
)
@name_option
@click.argument("node")
def remove(name: str, node: str) -> None:
    require_root("Removing a network namespace")
    from control.cli.session import with_client
    from control.lab import nodes

    directory = existing(name)
    with directory.locked("node remove"):
        lab = _open(directory)
        if node in nodes.leaving(directory):
            nodes.finish_removals(lab.plan, directory, lab.port)
        else:
            spec = nodes.without_node(lab.spec, node)
            with_client(directory, lab.port, lambda api: nodes.remove(api, lab.plan, directory, spec, node))
    click.echo(f"{node} is gone: namespace, routes, FDB entries, neighbours, lease and pods")
