"""``podwire drops``: every packet that the lab drops, by place, reason and Kubernetes object."""

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
    from control.explain.loss_watch import CountedLosses, KernelLosses
    from control.explain.losses import Loss
    from dataplane.ebpf.drops import DropWatch

_WAIT_S, _POLL_S = 0.2, 1.0


@click.command(
    epilog="Example: sudo podwire drops --live",
    help="Show every packet that the lab's kernel drops, from now on until Ctrl-C: where, why, from whom to whom, "
    "and the API object behind it. A table that is kept up to date, --live for a line a drop, -o json for an object a "
    "line. Without eBPF (scripts/setup --ebpf) counters tell how many and why. Drops that could not be told one by "
    "one are counted and said; exit 1 when there were any.",
)
@name_option
@click.option("--live", is_flag=True, help="A line a drop, as it happens.")
@click.option("--for", "seconds", type=click.FloatRange(0), default=0.0, help="Stop after so many seconds.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also what nobody misses: keepalives, duplicates, flooded copies.",
)
@click.option(
    "--kernel/--no-kernel", default=True, help="Ask the kernel itself (eBPF), or read its counters."
)
@click.option("-o", "output", type=click.Choice(["json"]), help="One object a line.")
def command(
    name: str, live: bool, seconds: float, everything: bool, kernel: bool, output: str | None
) -> None:
    require_root("Watching network namespaces")
    from control.cli.told import rounds
    from dataplane.ebpf.drops import DropWatch

    with ExitStack() as stack:
        watch = stack.enter_context(DropWatch()) if kernel else None
        losses, how = _source(stack, name, watch)
        show = _Show(live=live, everything=everything, output=output)
        wait_s = _WAIT_S if watch is not None else _POLL_S
        again = stack.enter_context(rounds(seconds))
        click.echo(f"watching lab {name} {how}; Ctrl-C ends it", err=True)
        for _ in again:
            show.add(losses.take(wait_s))
            if losses.ended:
                click.echo("the helper that asks the kernel has ended", err=True)
                sys.exit(1)
        show.add(losses.finish())
        show.end()
    for place, count in losses.missed.items():
        click.echo(f"{place}: {count} more drops came too fast to be told one by one", err=True)
    sys.exit(1 if losses.missed else 0)


def _source(
    stack: ExitStack, name: str, watch: "DropWatch | None"
) -> "tuple[KernelLosses | CountedLosses, str]":
    """Where drops are learnt from, and that in words."""
    from control.explain.gather import gather
    from control.explain.loss_watch import CountedLosses, KernelLosses

    directory = existing(name)
    why = watch.why_missing() if watch is not None else "--no-kernel"
    if watch is not None and not why:
        return KernelLosses(watch, name, lambda: gather(directory)), "by the kernel's own word"
    by_counts = CountedLosses(name, lambda: gather(directory))
    stack.callback(by_counts.close)
    return by_counts, f"by counters, without eBPF ({why})"


class _Show:
    """Prints what comes, in the way that was asked for."""

    def __init__(self, *, live: bool, everything: bool, output: str | None) -> None:
        from control.explain.loss_text import Board

        self._board, self._everything, self._output, self._live = Board(), everything, output, live
        self._colour = sys.stdout.isatty()
        self._ordinary, self._drawn = 0, 0.0

    def add(self, losses: "list[Loss]") -> None:
        from control.explain.loss_text import as_json, live_line

        told = [loss for loss in losses if self._everything or not loss.ordinary]
        self._ordinary += len(losses) - len(told)
        if self._output:
            for loss in told:
                click.echo(json.dumps(as_json(loss), ensure_ascii=False))
        elif self._live:
            for loss in told:
                click.echo(live_line(loss, colour=self._colour))
        else:
            self._board.add(told)
            if self._colour and time.monotonic() - self._drawn > 1:
                self._drawn = time.monotonic()
                click.echo("\x1b[H\x1b[J" + self._board.text(shutil.get_terminal_size().lines), nl=False)
        sys.stdout.flush()

    def end(self) -> None:
        """The table as it is at the end, and what was left out."""
        if not self._output and not self._live:
            click.echo(("\x1b[H\x1b[J" if self._colour else "") + self._board.text(), nl=False)
        if self._ordinary:
            click.echo(f"{self._ordinary} drops that nobody misses are not shown (--all)", err=True)
