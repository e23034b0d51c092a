"""``podwire capture``: packets of any places at once, in one pcapng file or as lines."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option
from control.cli.told import until_told


@click.command(
    epilog="Example: sudo podwire capture shop/web-1 node-1/vxlan1 node-2 -w shop.pcapng 'tcp port 80'",
    help="Capture at any places at once until Ctrl-C: each a named interface of one pcapng file, all in one clock, "
    "with the names of Kubernetes objects. WHERE: NAMESPACE/POD, NAMESPACE/*, deploy/NAME, NODE, NODE/LINK (NODE/* "
    "for all its links), fabric, internet. A last word with a space or a tcpdump keyword is the filter. "
    "Packets that found no room are counted and said; exit 1 when there were any.",
)
@name_option
@click.argument("where", nargs=-1, required=True)
@click.option(
    "-w", "--write", "path", type=click.Path(path_type=Path, dir_okay=False), help="The pcapng file."
)
@click.option("--live", is_flag=True, help="Print a line a packet, with names instead of addresses.")
@click.option("-f", "--filter", "text", default="", help="In tcpdump's language.")
@click.option("-c", "--count", type=click.IntRange(0), default=0, help="Stop after so many packets.")
@click.option("--for", "seconds", type=click.FloatRange(0), default=0.0, help="Stop after so many seconds.")
@click.option(
    "--file-size", type=click.IntRange(0), default=0, metavar="MB", help="Begin a new file at that size."
)
@click.option("--files", type=click.IntRange(0), default=0, help="Keep only the last so many of them.")
@click.option(
    "--buffer",
    type=click.IntRange(2, 4096),
    default=16,
    metavar="MB",
    show_default=True,
    help="Memory for a place's packets that wait.",
)
def command(
    name: str, where: tuple[str, ...], path: Path | None, live: bool, text: str, count: int, seconds: float,
    file_size: int, files: int, buffer: int,
) -> None:  # fmt: skip
    places, text = _split(where, text)
    if path is None and not live:
        raise click.UsageError("Say where packets go: -w FILE.pcapng, or --live.")
    if not places:
        raise click.UsageError(
            "Say where, before the filter: podwire capture shop/web-1 -w x.pcapng tcp port 80"
        )
    if files and not file_size:
        raise click.UsageError("--files needs --file-size: how large each of them gets.")
    if path == Path("-") and (live or file_size):
        raise click.UsageError("-w - writes to standard output: without --live and --file-size.")
    require_root("Listening in network namespaces")
    from control.explain.gather import gather
    from control.explain.glance import Namer
    from control.explain.places import spots_of
    from control.explain.room import check_room, writing
    from control.lab.directory import Caller
    from dataplane.observe.bpf_filter import compile_filter
    from dataplane.observe.capture import capture
    from dataplane.observe.recorder import Limits, Recorder

    program = compile_filter(text) if text else None
    atlas = gather(existing(name))
    spots = spots_of(atlas, places)
    check_room(len(spots), buffer)
    namer = Namer(atlas)
    recorder = Recorder(
        path,
        spots,
        namer.all(),
        namer.comment,
        Limits(count, seconds, file_size, files, buffer),
        program,
        Caller.current().ids,
    )
    with until_told() as stop, writing(recorder):
        counts = capture(recorder, stop, _printer(namer, spots) if live else None, lambda: _say_begun(spots))
    for each in counts:
        lost = f", {each.dropped} more found no room (a larger --buffer keeps more)" if each.dropped else ""
        gone = ", then its link went away" if each.gone else ""
        click.echo(f"{each.spot.name}: {each.kept} packets{lost}{gone}", err=True)
    for file in recorder.written:
        click.echo(f"written: {file}", err=True)
    sys.exit(1 if any(each.dropped for each in counts) else 0)


_KEYWORDS = {
    "tcp", "udp", "icmp", "icmp6", "arp", "ip", "ip6", "sctp", "port", "host", "net", "src", "dst", "not", "ether",
    "portrange", "proto", "less", "greater", "vlan", "vxlan",
}  # fmt: skip


def _split(where: tuple[str, ...], text: str) -> tuple[list[str], str]:
    """Places, and the filter that may stand behind them as with tcpdump: from its first keyword on."""
    places = list(where)
    for index, word in enumerate(places):
        if not text and (" " in word or word in _KEYWORDS):
            return places[:index], " ".join(places[index:])
    return places, text


def _say_begun(spots: list[Any]) -> None:
    click.echo(f"listening at {', '.join(spot.name for spot in spots)}; Ctrl-C ends it", err=True)


def _printer(namer: Any, spots: list[Any]) -> Any:
    from control.explain.glance import glance

    width = max(len(spot.name) for spot in spots)

    def heard(spot: Any, packet: Any) -> None:
        seen = glance(bytes(packet.data[:160]))
        said = namer.line(seen) if seen is not None else f"{packet.length} bytes, not IP"
        clock = time.strftime("%H:%M:%S", time.localtime(packet.time_ns // 10**9))
        way = "out" if packet.outgoing else "in "
        click.echo(f"{clock}.{packet.time_ns % 10**9 // 1000:06d}  {spot.name:<{width}}  {way}  {said}")

    return heard
