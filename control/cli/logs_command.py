"""``podwire logs``: what a component of the lab said."""

import os
from pathlib import Path

import click

from control.cli.options import existing, name_option
from control.errors import NoSuchPlace


@click.command(
    epilog="Example: podwire logs api -f",
    help="Print a component's log: supervisor, api, controllers, zygote, internet, agents-NODE. "
    "Without a component: which there are. Pods' logs: podwire kubectl logs.",
)
@name_option
@click.argument("component", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is added.")
@click.option("-n", "--lines", type=click.IntRange(1), help="Only the last lines.")
def command(name: str, component: str | None, follow: bool, lines: int | None) -> None:
    logs = existing(name).logs
    there = sorted(path.stem for path in logs.glob("*.log"))
    if component is None:
        click.echo("\n".join(there))
        return
    if component not in there:
        raise NoSuchPlace(
            f"No component {component!r} has a log; there are: {', '.join(there)}.",
            f"podwire logs {there[0] if there else ''}",
        )
    path = logs / f"{component}.log"
    if follow:
        tail = ["tail", "-n", str(lines or "+1"), "-F", str(path)]
        os.execvp("tail", tail)  # noqa: S606 (tail takes this process over)
    _print(path, lines)


def _print(path: Path, lines: int | None) -> None:
    text = path.read_text(errors="replace").splitlines()
    for line in text[-lines:] if lines else text:
        click.echo(line)
