"""``podwire stop``: the kernel's part of a lab goes, its objects stay."""

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option


@click.command(
    epilog="Example: sudo podwire stop && sudo podwire start",
    help="End a lab's processes and remove its namespaces; the API's objects, addresses and kubeconfig stay for "
    "`start`. What a reboot does, on purpose.",
)
@name_option
def command(name: str) -> None:
    require_root("Removing namespaces")
    from control.lab.stop import stop

    removed = stop(existing(name))
    click.echo(removed.sentence())
    for line in removed.differences or ():
        click.echo(f"  {line}")
    click.echo(f"its objects stay in {existing(name).root}; sudo podwire start --name {name}")
