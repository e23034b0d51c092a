"""``podwire flows``: the lab's connections with their translation, by pod and Service."""

import json
import shutil
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option

if TYPE_CHECKING:
    from control.explain.flow_book import Connection, Key
    from control.explain.flow_text import FlowNames
    from control.explain.flow_watch import FlowWatch, Happening

_WAIT_S, _NAMES_S = 0.2, 5.0


@click.command(
    epilog="Example: sudo podwire flows --live",
    help="Show the connections that the lab's nodes track, with the Service that was asked for, the endpoint that "
    "answers, state, packets, bytes and age, until Ctrl-C. A connection through two nodes is one line with both. A "
    "table that is kept up to date, --live for a line a change, -o json for an object a line.",
)
@name_option
@click.option("--live", is_flag=True, help="A line for each that begins, changes its state, or ends.")
@click.option("--for", "seconds", type=click.FloatRange(0), default=0.0, help="Stop after so many seconds.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also probes, the control plane's own, and what is over (TIME_WAIT).",
)
@click.option("-o", "output", type=click.Choice(["json"]), help="One object a line.")
def command(name: str, live: bool, seconds: float, everything: bool, output: str | None) -> None:
    require_root("Watching network namespaces")
    from control.cli.told import rounds
    from control.errors import NoSuchPlace
    from control.explain.flow_text import FlowNames
    from control.explain.flow_watch import FlowWatch
    from control.explain.gather import gather

    directory = existing(name)
    with ExitStack() as stack:
        atlas = gather(directory)
        watch = FlowWatch(atlas)
        stack.callback(watch.close)
        show = _Show(watch, FlowNames(atlas), live=live, everything=everything, output=output)
        named = time.monotonic()
        again = stack.enter_context(rounds(seconds))
        click.echo(f"watching {len(atlas.plan.fabric.nodes)} nodes of lab {name}; Ctrl-C ends it", err=True)
        for _ in again:
            happened = watch.take(_WAIT_S)
            if happened and time.monotonic() - named > _NAMES_S:
                named = time.monotonic()
                try:
                    atlas = gather(directory)
                except NoSuchPlace:  # the API is away: the names that we have stay
                    pass
                watch.nodes(atlas)
                show.names = FlowNames(atlas)
            show.add(happened)
        show.add(watch.take(0, last=True))
        show.end()
        if watch.lost:
            click.echo(
                f"{watch.lost} times there were more events than could be read; what they told was listed after that",
                err=True,
            )


class _Show:
    """Prints what comes, in the way that was asked for."""

    def __init__(
        self, watch: "FlowWatch", names: "FlowNames", *, live: bool, everything: bool, output: str | None
    ) -> None:
        self.names = names
        self._watch, self._live, self._everything, self._output = watch, live, everything, output
        self._shown: set[Key] = set()
        self._terminal, self._drawn = sys.stdout.isatty(), 0.0

    def add(self, happened: "list[Happening]") -> None:
        """Tell of it, or draw the table anew, once a second on a terminal."""
        from control.explain.flow_text import as_json, live_line

        now = time.time_ns()
        for event, flow in happened:
            if event != "end" and not self._is_wanted(flow, over=event != "there"):
                continue
            if event == "end" and flow.key not in self._shown:
                continue
            (self._shown.discard if event == "end" else self._shown.add)(flow.key)
            if self._output:
                click.echo(json.dumps(as_json(self.names, event, flow, now), ensure_ascii=False))
            elif self._live:
                click.echo(live_line(self.names, event, flow, now))
        if not self._output and not self._live and self._terminal and time.monotonic() - self._drawn > 1:
            self._drawn = time.monotonic()
            click.echo("\x1b[H\x1b[J" + self._table(shutil.get_terminal_size().lines), nl=False)
        sys.stdout.flush()

    def _is_wanted(self, flow: "Connection", *, over: bool) -> bool:
        """over: also one that only waits to be forgotten."""
        return self._everything or (self.names.concerns_pods(flow) and (over or not self.names.is_over(flow)))

    def end(self) -> None:
        """The table as it is at the end."""
        if not self._output and not self._live:
            click.echo(("\x1b[H\x1b[J" if self._terminal else "") + self._table(0), nl=False)

    def _table(self, height: int) -> str:
        from control.explain.flow_text import table

        flows = self._watch.connections()
        shown = [flow for flow in flows if self._is_wanted(flow, over=False)]
        return table(self.names, shown, time.time_ns(), height)
