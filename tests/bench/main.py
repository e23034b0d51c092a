"""`scripts/bench`: runs rows one after another and writes one table. Exit 0; 1 when a row could not be run; 2 bad use."""

import difflib
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import click

from tests.bench import table
from tests.bench.harness import Bench, BenchFailed, Line

WHERE = {
    "up": "bench_up:BENCH", "pods": "bench_pods:BENCH", "memory": "bench_memory:BENCH", "tcp": "bench_tcp:TCP",
    "clusterip": "bench_tcp:CLUSTERIP", "wires": "bench_wires:BENCH", "services": "bench_services:BENCH",
    "policy": "bench_policy:BENCH", "api": "bench_api:BENCH",
    "flood": "bench_flood:BENCH",
}  # fmt: skip
"""Rows in the table's order, and where each is; imported when it is run."""
PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "how" / "benchmarks.md"
BEGIN, END = "<!-- table: scripts/bench --docs -->", "<!-- end of table -->"


def bench(name: str) -> Bench:
    """A row by name."""
    module, _, attribute = WHERE[name].partition(":")
    found: Bench = getattr(import_module(f"tests.bench.{module}"), attribute)
    return found


def machine() -> str:
    """What the figures hold for."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{now} · Linux {platform.release()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start"
    )


def run(name: str) -> list[Line]:
    """One row; progress on standard error."""
    row = bench(name)
    click.echo(f"  {name}: {row.about} (about {row.takes_s} s)", err=True)
    began = time.monotonic()
    lines = row.measure()
    click.echo(f"  {name}: done in {time.monotonic() - began:.0f} s", err=True)
    return lines


def quoted(document: str, text: str) -> str:
    """A page with another text between the marks of its table."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise BenchFailed(f"the page has no {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def show_list() -> None:
    """Every row, without running it."""
    for name in WHERE:
        row = bench(name)
        profiled = ", --profile" if row.profile else ""
        click.echo(f"{name:10} {row.about} (about {row.takes_s} s{profiled})")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("rows", nargs=-1, metavar="[ROW...]")
@click.option("--list", "listing", is_flag=True, help="Say what rows there are and run none.")
@click.option(
    "-o", "--output", type=click.Choice(["json", "markdown"]), help="As JSON, or as documents quote it."
)
@click.option("--profile", is_flag=True, help="Where the time goes, of rows that know (up, pods); no table.")
@click.option("--docs", is_flag=True, help="Write the table of all rows into docs/how/benchmarks.md.")
def main(rows: tuple[str, ...], listing: bool, output: str | None, profile: bool, docs: bool) -> None:
    """Measure what the design's budgets name, each beside a floor or a peer of the same run. No ROW: all of them."""
    for name in rows:
        if name not in WHERE:
            near = difflib.get_close_matches(name, WHERE, 1)
            mend = f"did you mean {near[0]}?" if near else "scripts/bench --list"
            raise click.UsageError(f"there is no row {name!r}: {mend}")
    if listing:
        show_list()
        return
    if docs and (rows or profile or output):
        raise click.UsageError("--docs is for the table of all rows: leave the rest out.")
    if os.geteuid() != 0:
        raise click.UsageError(
            f"benches make network namespaces and need root: sudo scripts/bench {' '.join(rows)}"
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was made is removed
    begun, failed = machine(), []
    if profile:
        failed = _each(rows or tuple(name for name in WHERE if bench(name).profile), _profile)
    else:
        lines: list[Line] = []
        failed = _each(rows or tuple(WHERE), lambda name: lines.extend(run(name)))
        if docs:
            PAGE.write_text(quoted(PAGE.read_text(), table.as_markdown(lines, begun)))
        write = {"json": table.as_json, "markdown": table.as_markdown, None: table.as_text}[output]
        click.echo(write(lines, begun), nl=False)
    sys.exit(1 if failed else 0)


def _profile(name: str) -> None:
    row = bench(name)
    if row.profile is None:
        raise BenchFailed("this row has no profile")
    click.echo(f"  {name}: profiled", err=True)
    click.echo(row.profile())


def _each(names: tuple[str, ...], work: Callable[[str], None]) -> list[str]:
    """All of them, and those that failed."""
    failed = []
    for name in names:
        try:
            work(name)
        except (BenchFailed, OSError, AssertionError) as error:
            click.echo(f"scripts/bench: {name}: {error}", err=True)
            failed.append(name)
    return failed


if __name__ == "__main__":
    main(prog_name="scripts/bench")
