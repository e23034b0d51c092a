"""``podwire start``: a stopped lab again, from its stored objects."""

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option
from control.cli.output import Progress


@click.command(
    epilog="Example: sudo podwire start --name try",
    help="Bring a stopped lab up again from its stored objects: the same pods, addresses, Services, kubeconfig. "
    "Also after a reboot.",
)
@name_option
def command(name: str) -> None:
    require_root("A lab is made of network namespaces: making one")
    from control.cli.status_command import print_status
    from control.lab.up import up

    existing(name)
    lab = up(name, None, Progress())
    click.echo(err=True)
    print_status(lab.directory, lab.seconds, was_running=lab.was_running)
