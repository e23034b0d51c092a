"""``podwire fault``: cut, lose, delay, throttle, pause, kill, heal, list."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option, output_option
from control.cli.output import emit, table
from control.cli.signals import Ended, ended_by_signals

if TYPE_CHECKING:
    from control.lab.fault import Fault
    from control.lab.fault_plan import Ground

_WHY = "Changing links, rules and processes of a lab"
_PLACE = "PLACE: a node, NAMESPACE/POD, deploy/NAME or internet."


@click.group(
    name="fault",
    epilog="Example: sudo podwire fault cut node-1 --for 70s",
    help="Break something, for real: links, packets between two places, processes. "
    "A cut node is NotReady because its kubelet's own packets died. "
    "`list` and `podwire status` show what is in force; `heal`, `up`, `stop` and `down` end it.",
)
def command() -> None:
    """The group."""


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """``60s``, ``2m``, ``90``."""
    if value is None:
        return None
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    number = value.rstrip("smh")
    try:
        seconds = float(number) * units.get(value[len(number) :] or "s", 0)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise click.BadParameter(f"{value!r} is no time: 60s, 2m")
    return seconds


def _for_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--for",
        "for_s",
        metavar="TIME",
        callback=_seconds,
        help="Stay, say what happens, and heal after this time, at Ctrl-C or SIGTERM.",
    )(function)


@command.command(
    epilog="Examples: sudo podwire fault cut node-1; sudo podwire fault cut node-1 node-2",
    help=f"Cut the cable of a place, or all packets between two places. {_PLACE}",
)
@name_option
@click.argument("places", nargs=-1, required=True)
@_for_option
def cut(name: str, places: tuple[str, ...], for_s: float | None) -> None:
    from control.lab.fault import Fault

    _break(name, Fault("cut", places), for_s)


@command.command(
    epilog="Example: sudo podwire fault lose node-1 node-2 5",
    help=f"Lose this percentage of a place's packets, or of those between two places. {_PLACE}",
)
@name_option
@click.argument("words", metavar="PLACE [PLACE] PERCENT", nargs=-1, required=True)
@_for_option
def lose(name: str, words: tuple[str, ...], for_s: float | None) -> None:
    from control.lab.fault import Fault, percent_of

    if len(words) < 2:
        raise click.UsageError("How much? podwire fault lose node-1 5")
    _break(name, Fault("lose", words[:-1], percent=percent_of(words[-1])), for_s)


@command.command(
    epilog="Example: sudo podwire fault delay node-1 20 --jitter 5",
    help=f"Hold each packet of a place back by so many milliseconds, each way (needs sch_netem). {_PLACE}",
)
@name_option
@click.argument("place")
@click.argument("ms")
@click.option("--jitter", metavar="MS", default="0", help="More or less by up to this.")
@_for_option
def delay(name: str, place: str, ms: str, jitter: str, for_s: float | None) -> None:
    from control.lab.fault import Fault, milliseconds_of

    fault = Fault("delay", (place,), delay_ms=milliseconds_of(ms), jitter_ms=milliseconds_of(jitter))
    _break(name, fault, for_s)


@command.command(
    epilog="Example: sudo podwire fault throttle shop/web-1 10mbit",
    help=f"Let a place send and receive at most at this rate (kbit, mbit, gbit), each way. {_PLACE}",
)
@name_option
@click.argument("place")
@click.argument("rate")
@_for_option
def throttle(name: str, place: str, rate: str, for_s: float | None) -> None:
    from control.lab.fault import Fault, rate_of

    _break(name, Fault("throttle", (place,), rate_bit=rate_of(rate)), for_s)


@command.command(
    epilog="Examples: sudo podwire fault pause controllers; sudo podwire fault pause shop/web-1",
    help="Give a process of the lab no time: a role (`podwire status -o json` has them), the containers of a pod, or "
    "all containers of a node.",
)
@name_option
@click.argument("what", metavar="ROLE|POD|NODE")
@_for_option
def pause(name: str, what: str, for_s: float | None) -> None:
    from control.lab.fault import Fault

    _break(name, Fault("pause", (what,)), for_s)


@command.command(
    epilog="Example: sudo podwire fault kill agents-node-1",
    help="Kill a role or a pod's processes (SIGKILL), and leave the rest to who looks after them.",
)
@name_option
@click.argument("what", metavar="ROLE|POD")
def kill(name: str, what: str) -> None:
    require_root(_WHY)
    from control.lab import fault_plan

    ground = _ground(name)
    with ground.directory.locked("fault kill"):
        click.echo(f"killed {fault_plan.kill(what, ground)}")


@command.command(
    epilog="Example: sudo podwire fault heal node-1; sudo podwire fault heal --all",
    help="End faults, by place or by number.",
)
@name_option
@click.argument("places", metavar="PLACE|NUMBER", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of the lab's.")
def heal(name: str, places: tuple[str, ...], every: bool) -> None:
    if every == bool(places):
        raise click.UsageError("Give places or numbers, or --all: podwire fault heal node-1")
    require_root(_WHY)
    from control.lab.fault_book import heal_all, heal_places

    directory = existing(name)
    with directory.locked("fault heal"):
        healed = heal_all(directory) if every else heal_places(directory, places)
    for entry in healed:
        click.echo(f"healed {entry.id}: {entry.fault}")
    if not healed:
        click.echo("nothing was in force")


@command.command(name="list", epilog="Example: podwire fault list -o json", help="The faults in force.")
@name_option
@output_option
def list_(name: str, output: str | None) -> None:
    from control.lab.fault_book import in_force

    entries = in_force(existing(name))
    if output:
        emit([{**entry.as_json(), "text": str(entry.fault)} for entry in entries], output)
    elif not entries:
        click.echo("no fault is in force")
    else:
        now = time.time()
        rows = [(entry.id, str(entry.fault), f"{now - entry.since:.0f} s") for entry in entries]
        click.echo(table(("number", "fault", "since"), rows))


def _ground(name: str) -> "Ground":
    from control.lab.fault_plan import Ground
    from control.lab.stop import must_run
    from control.lab.up import stored_plan

    directory = existing(name)
    plan, port = stored_plan(directory)
    must_run(directory)
    return Ground(plan, directory, port)


def _break(name: str, fault: "Fault", for_s: float | None) -> None:
    """Make a fault; with a time, stay for it."""
    from control.lab.fault import checked

    checked(fault)
    require_root(_WHY)
    from control.lab.fault_book import make

    ground = _ground(name)
    if for_s is None:
        with ground.directory.locked("fault"):
            entry = make(fault, ground)
        flag = "" if name == "lab" else f" --name {name}"
        click.echo(f"{entry.id}: {entry.fault}   (sudo podwire fault heal{flag} {entry.id})")
        return
    _stay(fault, ground, for_s)


def _stay(fault: "Fault", ground: "Ground", for_s: float) -> None:
    from control.lab.fault_book import heal_places, in_force, make
    from control.lab.fault_watch import Watch

    watch = Watch(ground, click.echo)
    ended = 0
    with ended_by_signals() as ignore_them:
        entry = None
        try:
            with ground.directory.locked("fault"):
                entry = make(fault, ground)
            watch.said(f"{entry.id}: {entry.fault}")
            watch.follow(for_s)
        except Ended as signalled:
            ended = signalled.number
        finally:
            ignore_them()
            with ground.directory.locked("fault heal"):
                if entry is not None and entry.id in [other.id for other in in_force(ground.directory)]:
                    heal_places(ground.directory, [entry.id])
                    watch.said(f"healed {entry.id}")
    if ended:
        sys.exit(128 + ended)
    if not watch.recover():
        watch.said("not all is Ready again: podwire status, podwire kubectl get nodes,pods -A")
        sys.exit(1)
