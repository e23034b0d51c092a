"""``podwire scenario``: flows of the reference document, replayed in a running lab, arrow for arrow."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option, output_option
from control.cli.output import emit, table
from control.cli.signals import Ended, ended_by_signals
from control.errors import NoSuchScenario

if TYPE_CHECKING:
    from control.scenarios.engine import Flow, Recording


@click.group(
    name="scenario",
    epilog="Example: sudo podwire scenario run pod-to-pod",
    help="Replay a flow of the reference document in a running lab, by real packets, and check each arrow.",
)
def command() -> None:
    """The group."""


@command.command(name="list", epilog="Example: podwire scenario list", help="The flows that there are.")
@output_option
def list_(output: str | None) -> None:
    from control.scenarios.engine import flows

    known = list(flows())
    if output:
        emit([{"name": each.name, "title": each.title, "arrows": len(each.arrows)} for each in known], output)
    else:
        rows = [(each.name, each.title, str(len(each.arrows))) for each in known]
        click.echo(table(("name", "picture", "arrows"), rows))


@command.command(
    epilog="Example: sudo podwire scenario run clusterip -w clusterip.mmd",
    help="Replay flows in namespaces of their own, which are removed again, and print each as Mermaid with the "
    "addresses that were observed. Exit 1 when an arrow is missing or one is too many; each is named.",
)
@name_option
@click.argument("names", metavar="NAME", nargs=-1, required=True)
@click.option("-w", "--write", "path", type=click.Path(path_type=Path, dir_okay=False), help="To a file.")
@click.option("-o", "output", type=click.Choice(["mermaid", "json", "yaml"]), default="mermaid")
def run(name: str, names: tuple[str, ...], path: Path | None, output: str) -> None:
    chosen = [_flow(each) for each in names]
    require_root("Sending packets from pods' namespaces")
    from control.lab.stop import must_run
    from control.scenarios import engine
    from control.testkit.lab import Lab

    must_run(existing(name))
    lab = Lab.running(name)
    recordings: list[Recording] = []
    try:
        with ended_by_signals() as ignore_them:
            for flow in chosen:
                recordings.append(engine.run(flow, lab))
                _tell(recordings[-1])
            ignore_them()
    except Ended as ended:
        sys.exit(128 + ended.number)
    _print(recordings, path, output)
    sys.exit(0 if all(recording.as_drawn for recording in recordings) else 1)


def _flow(name: str) -> "Flow":
    from control.scenarios.engine import flows

    known = {flow.name: flow for flow in flows()}
    if name not in known:
        raise NoSuchScenario(
            f"There is no scenario {name!r}; there are {', '.join(known)}.", "podwire scenario list"
        )
    return known[name]


def _tell(recording: "Recording") -> None:
    """One line on standard error, and one for each arrow that is wrong."""
    seen, wanted = len(recording.compared.pairs), len(recording.flow.arrows)
    how = "as drawn" if recording.as_drawn else "NOT as drawn"
    click.echo(f"{recording.flow.name}: {seen} of {wanted} arrows seen, {how}", err=True)
    for problem in recording.problems():
        click.echo(f"  {problem}", err=True)


def _print(recordings: list["Recording"], path: Path | None, output: str) -> None:
    from control.scenarios.mermaid import mermaid

    if output != "mermaid":
        documents: Any = [recording.as_json() for recording in recordings]
        emit(documents[0] if len(documents) == 1 else documents, output)
        return
    text = "\n".join(mermaid(recording) for recording in recordings)
    if path is None:
        click.echo(text, nl=False)
    else:
        path.write_text(text, encoding="utf-8")
