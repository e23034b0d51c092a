"""``podwire kubeconfig``: the way in."""

import click

from control.cli.options import existing, name_option


@click.command(
    epilog="Example: export KUBECONFIG=$(podwire kubeconfig)",
    help="Print the path of a lab's kubeconfig; ~/.kube/config is never touched.",
)
@name_option
@click.option("--print", "show", is_flag=True, help="Print the file itself.")
def command(name: str, show: bool) -> None:
    path = existing(name).kubeconfig
    click.echo(path.read_text() if show else path, nl=not show)
