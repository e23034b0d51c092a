"""``podwire exec``: a shell or a command in the namespace of a node, a pod or the internet."""

import os

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option
from control.errors import ToolMissing
from control.lab.places import find_place
from control.lab.shell import enter_place


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="Example: sudo podwire exec default/web-1 -- ip route",
    help="Run a command, or a shell, in the network namespace of a PLACE: a node, NAMESPACE/POD, deploy/NAME, "
    "internet, fabric. The machine's own programs, the place's network and DNS. Inside a container: "
    "podwire kubectl exec.",
)
@name_option
@click.argument("place")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def command(name: str, place: str, words: tuple[str, ...]) -> None:
    require_root("Entering a network namespace")
    from control.lab.up import stored_plan

    directory = existing(name)
    plan, port = stored_plan(directory)
    where = find_place(plan, directory, port, place)
    argv = list(words) or [os.environ.get("SHELL", "/bin/sh")]
    enter_place(plan, where)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 (the command takes this process over)
    except OSError as error:
        raise ToolMissing(f"{argv[0]}: {error.strerror}.", "a program that this machine has") from error
