"""``podwire trace``: one packet, every link it passed, every rule that decided, and where it died."""

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option
from control.cli.output import emit

if TYPE_CHECKING:
    from dataplane.ebpf.drops import DropWatch


@click.command(
    epilog="Example: sudo podwire trace shop/web-1 svc/api:80",
    help="Send one known packet FROM a place TO another and show each hop as it was observed: links, tunnels, the "
    "rules that decided with the API object and the line of YAML behind them, and where and why it was lost. "
    "Places: NAMESPACE/POD, deploy/NAME, svc/NAME, node/NAME, internet, or an address. "
    "Exit 0: delivered, 1: lost, 2: bad use.",
)
@name_option
@click.argument("places", metavar="FROM TO[:PORT]", nargs=-1)
@click.option("--from-internet", is_flag=True, help="From the internet: FROM is left out.")
@click.option(
    "--proto",
    type=click.Choice(["tcp", "udp", "sctp", "icmp"]),
    default="tcp",
    show_default=True,
    help="Of the packet.",
)
@click.option("-6", "six", is_flag=True, help="IPv6 where a name has both families.")
@click.option("--ttl", type=click.IntRange(1, 255), default=64, show_default=True, help="Of the packet.")
@click.option(
    "--size",
    type=click.IntRange(0, 65_000),
    default=0,
    help="Of the IP packet, in bytes; it may not be cut (DF).",
)
@click.option("--answer", is_flag=True, help="Show the way back, hop by hop, too.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 60),
    default=4.0,
    show_default=True,
    help="Seconds to wait for an answer or an end.",
)
@click.option(
    "--kernel/--no-kernel",
    default=True,
    help="Ask the kernel itself where and why a packet dies (eBPF); without it, its counters stand for that.",
)
@click.option(
    "-o", "output", type=click.Choice(["json", "yaml", "mermaid", "svg"]), help="Data, or a picture."
)
def command(
    name: str, places: tuple[str, ...], from_internet: bool, proto: str, six: bool, ttl: int, size: int,
    answer: bool, timeout: float, kernel: bool, output: str | None,
) -> None:  # fmt: skip
    source, to = _ends(places, from_internet=from_internet)
    require_root("Watching network namespaces")
    from dataplane.ebpf.drops import DropWatch

    # First of all: it takes half a second, beside all that comes before the packet.
    with ExitStack() as stack:
        drops = stack.enter_context(DropWatch()) if kernel else None
        delivered = _trace(
            name, (source, to), (proto, six, ttl, size, timeout), drops, output=output, answer=answer
        )
    sys.exit(0 if delivered else 1)


def _trace(
    name: str, ends: tuple[str, str], packet: tuple[Any, ...], drops: "DropWatch | None", *, output: str | None,
    answer: bool,
) -> bool:  # fmt: skip
    """Send, show, and say whether it was delivered."""
    from control.explain.gather import gather
    from control.explain.report import as_json, render
    from control.explain.run import Question, run_trace
    from control.lab.places import find_place
    from control.lab.up import stored_plan
    from dataplane.model.address import Family

    directory = existing(name)
    plan, port = stored_plan(directory)
    place = find_place(plan, directory, port, ends[0])
    proto, six, ttl, size, timeout = packet
    question = Question(ends[1], proto, Family.V6 if six else Family.V4, ttl, size, timeout)
    atlas = gather(directory)
    report = run_trace(atlas, place, question, drops)
    if drops is not None and (why := drops.why_missing()):
        click.echo(f"without eBPF ({why}): where it died is told by the kernel's counters", err=True)
    if output in ("json", "yaml"):
        emit(as_json(report), output)
    elif output is not None:
        from control.explain import picture

        arrows = picture.arrows_of(report.journey, atlas, report.fate)
        click.echo(picture.mermaid(arrows) if output == "mermaid" else picture.svg(arrows), nl=False)
    else:
        click.echo(
            render(report, colour=sys.stdout is not None and sys.stdout.isatty(), answers=answer), nl=False
        )
    return report.fate.delivered


def _ends(places: tuple[str, ...], *, from_internet: bool) -> tuple[str, str]:
    """FROM and TO; a usage error when one is missing or there are too many."""
    given = ("internet", *places) if from_internet else places
    if len(given) != 2:
        wanted = "TO, since --from-internet says FROM" if from_internet else "FROM and TO"
        raise click.UsageError(f"Give {wanted}: podwire trace shop/web-1 svc/api:80")
    return given[0], given[1]
