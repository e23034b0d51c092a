"""``podwire verify``: who reaches whom, by real connections, beside what the policies say."""

import shutil
import sys

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option, output_option
from control.cli.output import emit


@click.command(
    epilog="Example: sudo podwire verify -n shop",
    help="Connect for real from every workload to every Service port and pod port, and set beside each verdict "
    "what the policies say. Exit 1 when one differs; the pair and the policy are named.",
)
@name_option
@click.option("-n", "--namespace", "namespaces", multiple=True, help="Only these namespaces; repeatable.")
@click.option("--internet/--no-internet", default=True, help="Also one address outside the cluster.")
@output_option
def command(name: str, namespaces: tuple[str, ...], internet: bool, output: str | None) -> None:
    require_root("Connecting from inside pods' network namespaces")
    from control.cli.session import with_client
    from control.lab.up import stored_plan
    from control.verify.matrix import render
    from control.verify.run import VerifyOptions, run_verify

    directory = existing(name)
    plan, port = stored_plan(directory)
    options = VerifyOptions(
        name, namespaces, internet, plan.spec.cluster_domain, tunnel=plan.spec.overlay == "vxlan"
    )
    live = sys.stderr.isatty() and output is None

    def progress(done: int, total: int) -> None:
        if live:
            click.echo(f"\r\x1b[K  {done} of {total} pairs …", nl=False, err=True)

    report = with_client(directory, port, lambda client: run_verify(client, options, progress))
    if live:
        click.echo("\r\x1b[K", nl=False, err=True)
    if output:
        emit(report.as_json(), output)
    else:
        click.echo(
            render(report, colour=sys.stdout.isatty(), width=shutil.get_terminal_size().columns), nl=False
        )
    sys.exit(report.exit_code)
