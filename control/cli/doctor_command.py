"""``podwire doctor``: what this machine can and can't do for a lab."""

import sys

import click

from control.cli.options import output_option
from control.cli.output import emit

_SIGNS = {"ok": "ok", "costs": "--", "missing": "NO"}


@click.command(
    epilog="Example: sudo podwire doctor",
    help="Say what this kernel and machine can and cannot do for a lab, what that costs, and what to mend. Exit 1 "
    "when no lab can run here.",
)
@click.option("--nodes", default=3, show_default=True, help="Size of the lab that the limits are judged for.")
@click.option("--pods", default=110, show_default=True, help="Pods of that lab.")
@output_option
def command(nodes: int, pods: int, output: str | None) -> None:
    from control.lab.doctor import examine

    findings = examine(nodes, pods)
    if output:
        emit([finding.as_json() for finding in findings], output)
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            click.echo(f"  {_SIGNS[finding.state]}  {finding.name:<{width}}  {finding.found}")
            if finding.cost:
                click.echo(f"      {'':<{width}}  costs  {finding.cost}")
            if finding.mend:
                click.echo(f"      {'':<{width}}  try    {finding.mend}")
    sys.exit(1 if any(finding.state == "missing" for finding in findings) else 0)
