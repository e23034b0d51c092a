"""``podwire tour``: a guided five minutes; each step says one sentence, shows its command, and runs it."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from control.cli.exits import require_root
from control.cli.signals import Ended, ended_by_signals
from control.errors import ToolMissing
from control.lab.directory import LabDirectory
from control.lab.spec import Periods, check_lab_name, read_spec

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_OWN = "tour"


@dataclass(frozen=True, slots=True)
class Step:
    """One step. said: its sentence. words: of the command. exits: how it may end."""

    said: str
    words: tuple[str, ...]
    exits: tuple[int, ...] = (0,)

    def shown(self) -> str:
        """The command as a person would type it."""
        user = () if self.words[0] in ("apply", "kubectl", "status") else ("sudo",)
        return shlex.join([*user, "podwire", *self.words])


@click.command(
    epilog="Example: sudo podwire tour",
    help="Five minutes with podwire: a lab, a packet through a Service, a policy that stops it and the trace that "
    "says which line did, a cut cable and a node that is lost by it. On a lab of its own, removed at the end; "
    "--name takes a running one, and removes only what the tour put there.",
)
@click.option("--name", default=_OWN, show_default=True, envvar="PODWIRE_LAB_NAME", help="Which lab.")
@click.option("--no-wait", is_flag=True, help="Don't wait for Enter between steps.")
def command(name: str, no_wait: bool) -> None:
    check_lab_name(name)
    require_root("A lab is made of network namespaces: making one")
    if not (EXAMPLES / "tour").is_dir():
        raise ToolMissing(f"The tour's examples are not at {EXAMPLES}.", "run podwire from its repository")
    own = not LabDirectory.of(name).exists()
    waits = not no_wait and sys.stdin.isatty()
    try:
        with ended_by_signals() as ignore_them, ExitStack() as stack:
            stack.callback(_clear, name, own=own)
            _walk(list(steps(name, _periods(name, own=own), own=own)), waits=waits)
            ignore_them()
            stack.pop_all()
    except Ended as ended:
        sys.exit(128 + ended.number)


def _periods(name: str, *, own: bool) -> Periods:
    if own:
        return read_spec(EXAMPLES / "tour" / "lab.yaml").periods
    from control.lab.up import stored_plan

    return stored_plan(LabDirectory.of(name))[0].spec.periods


def steps(name: str, periods: Periods, *, own: bool) -> Iterator[Step]:
    """The tour. periods: of the lab, as a node's loss takes as long. own: it makes and removes the lab."""
    lab = ("--name", name)
    shop, policy = str(EXAMPLES / "trace"), str(EXAMPLES / "tour" / "web-for-friends.yaml")
    lost_s = periods.monitor_grace_s + periods.monitor_s + periods.lease_s + 5
    if own:
        said = "A cluster of three nodes, each a network namespace; no image is pulled, no container engine asked."
        yield Step(said, ("up", *lab, "-f", str(EXAMPLES / "tour" / "lab.yaml")))
    yield Step(
        "Some pods, Services and policies, by the Kubernetes API: `kubectl apply` would do the same.",
        ("apply", *lab, "-f", shop, "--wait"),
    )
    yield Step(
        "One packet from a pod to a Service on the other node: each line was observed in the kernel, none is a guess.",
        ("trace", *lab, "far", "svc/web"),
    )
    yield Step("A NetworkPolicy: only friends may reach the web.", ("apply", *lab, "-f", policy))
    yield Step(
        "The same packet again: it dies, and the trace names the policy, its line in the file, and the kernel's rule.",
        ("trace", *lab, "far", "svc/web"),
        (1,),
    )
    yield Step(
        f"A cut cable: node-1's own packets die, so it is NotReady in about {periods.monitor_grace_s:g} s, and Ready "
        "again once it is healed. Nobody edited its status.",
        ("fault", "cut", *lab, "node-1", "--for", f"{lost_s:g}s"),
    )
    yield Step("The lab as it stands: no fault in force, nothing restarted.", ("status", *lab))
    yield from _ending(name, own=own)


def _ending(name: str, *, own: bool) -> Iterator[Step]:
    lab = ("--name", name)
    if own:
        said = "Everything goes; then the machine is compared with what it was before."
        yield Step(said, ("down", *lab))
        return
    files = [str(EXAMPLES / "trace"), str(EXAMPLES / "tour" / "web-for-friends.yaml")]
    words = [word for file in files for word in ("-f", file)]
    said = "What the tour put into your lab goes again."
    yield Step(said, ("kubectl", *lab, "delete", "--ignore-not-found", "--grace-period=1", *words))


def _walk(tour: list[Step], *, waits: bool) -> None:
    for number, step in enumerate(tour, start=1):
        click.echo(f"\n{click.style(f'{number} of {len(tour)}', bold=True)}  {step.said}\n")
        click.echo(click.style(f"  $ {step.shown()}", fg="cyan"))
        if waits:
            click.prompt("  Enter runs it", default="", show_default=False, prompt_suffix=" …")
        click.echo()
        code = _run(step.words)
        if code not in step.exits:
            click.echo(f"\nThis step was to end otherwise (exit {code}); the tour stops here.", err=True)
            raise SystemExit(1)


def _run(words: tuple[str, ...]) -> int:
    """A command of ours in a process of its own, on this terminal; it ends in good order when the tour is ended."""
    sys.stdout.flush()
    with subprocess.Popen([sys.executable, "-I", "-m", "podwire", *words]) as child:
        try:
            return child.wait()
        except BaseException:
            child.send_signal(signal.SIGTERM)
            child.wait()
            raise


def _clear(name: str, *, own: bool) -> None:
    """What an ended tour leaves goes too."""
    click.echo("\nthe tour ends: clearing", err=True)
    if not own:
        _run(("fault", "heal", "--name", name, "--all"))
    for step in _ending(name, own=own):
        _run(step.words)
