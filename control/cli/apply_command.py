"""``podwire apply``: manifests from files and directories, each wrong field with its file and line."""

import click

from control.cli.options import existing, name_option
from control.lab.manifests import read_manifests


@click.command(
    epilog="Example: podwire apply -f examples/shop --wait",
    help="Apply manifests by server-side apply; directories are read recursively. All are tried first, so that "
    "a wrong one changes nothing. File and line are kept in the annotation podwire.dev/source.",
)
@name_option
@click.option(
    "-f", "--file", "files", multiple=True, required=True, help="A file or a directory; repeatable."
)
@click.option("-n", "--namespace", default="default", show_default=True, help="For objects that name none.")
@click.option("--wait", is_flag=True, help="Wait until Deployments and Pods are ready.")
@click.option("--timeout", "timeout_s", default=180.0, show_default=True, help="Seconds to wait.")
def command(name: str, files: tuple[str, ...], namespace: str, wait: bool, timeout_s: float) -> None:
    manifests = read_manifests(files)
    directory = existing(name)

    from control.cli.session import with_client
    from control.client.client import ApiClient
    from control.lab.apply import apply_all, wait_ready
    from control.lab.up import stored_plan

    _plan, port = stored_plan(directory)

    async def run(client: ApiClient) -> None:
        applied = await apply_all(
            client, manifests, namespace, lambda one: click.echo(f"{one.title} {one.outcome}")
        )
        if wait:
            await wait_ready(client, applied, timeout_s)

    with_client(directory, port, run)
