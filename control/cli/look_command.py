"""``podwire look``: a place as plain ``ip`` and ``nft`` see it, each command shown so that it can be repeated."""

import shlex
import shutil
import subprocess

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option
from control.errors import ToolMissing
from control.lab.places import Place, find_place

_EVERYWHERE = ("ip -br link", "ip -br address", "ip route", "ip -6 route")
_NODE = ("bridge fdb show dev vxlan1", "ip neigh show nud permanent", "nft list table inet podwire-services",
         "nft list table inet podwire-policy", "nft list table bridge podwire-guard")  # fmt: skip
_POD = ("ip neigh", "ss -lntup")
_FABRIC = ("bridge link",)


@click.command(
    epilog="Example: sudo podwire look node-1",
    help="Show a PLACE (a node, NAMESPACE/POD, deploy/NAME, internet, fabric) as plain ip, bridge and nft see "
    "it, with the commands to repeat.",
)
@name_option
@click.argument("place")
def command(name: str, place: str) -> None:
    require_root("Looking into a network namespace")
    from control.lab.up import stored_plan

    directory = existing(name)
    plan, port = stored_plan(directory)
    where = find_place(plan, directory, port, place)
    more = {"node": _NODE, "pod": _POD, "fabric": _FABRIC}.get(where.kind, ())
    for line in (*_EVERYWHERE, *more):
        if "vxlan" in line and plan.spec.overlay != "vxlan":
            continue
        _show(where, line)


def _show(where: Place, line: str) -> None:
    """A command as one would type it, and what it prints."""
    if shutil.which("ip") is None:
        raise ToolMissing("`ip` (iproute2) is not on this machine.", "sudo apt-get install iproute2")
    argv = shlex.split(line)
    full = ["ip", "netns", "exec", where.netns, *argv]
    if argv[0] == "ip":  # ip enters a namespace by itself
        full = ["ip", "-n", where.netns, *argv[1:]]
    click.secho(f"# {shlex.join(full)}", dim=True)
    if shutil.which(argv[0]) is None:
        click.echo(f"({argv[0]} is not on this machine)\n")
        return
    # In a process of its own: nft 1.0.6 aborts on rules that it can't print.
    ran = subprocess.run(full, capture_output=True, text=True, check=False)
    click.echo(ran.stdout.rstrip() or (ran.stderr.strip() if ran.returncode else "(nothing)"))
    click.echo()
