"""The command line: ``podwire COMMAND``; each command's module is imported when it is called."""

import importlib
import os
import sys
from typing import Any

import click

from control.cli.exits import tell
from control.errors import ApiError, ControlError, NotBuiltYet, PersonError
from dataplane.errors import KernelError

COMMANDS = {
    "up": "bring a lab up (or mend a running one)",
    "down": "remove a lab and all it made",
    "stop": "end a lab's processes; its objects stay",
    "start": "a stopped lab again, the same pods and addresses",
    "node": "add a node to a running lab, or take one out",
    "status": "what exists: nodes, cables, addresses, memory",
    "kubeconfig": "the path of a lab's kubeconfig",
    "kubectl": "kubectl against a lab",
    "apply": "apply manifests from files and directories",
    "exec": "a shell or a command in a node, a pod or the internet",
    "look": "a place as plain ip and nft see it",
    "logs": "what a component of the lab said",
    "doctor": "what this machine can and can't do, and the mends",
    "verify": "real connections between all workloads, beside what the policies say",
    "trace": "one packet: every link it passed, every rule that decided, and why",
    "capture": "packets of any places at once, in one pcapng file or live",
    "drops": "every packet that the lab drops: where, why, whose",
    "flows": "connections with their translation, by pod and Service",
    "map": "the lab as a picture, with a packet's way on it",
    "fault": "break something: cut, lose, delay, throttle, pause, kill; and heal",
    "scenario": "a flow of the reference document, replayed and checked arrow for arrow",
    "tour": "a guided five minutes: a packet, a policy, a cut",
    "api": "the Kubernetes API alone: no root, for tests",
}
LATER = ("services", "forward", "policy", "watch", "bench")


class Commands(click.Group):
    """Commands by name, each imported when wanted; later ones are refused by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a person meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, None for a name that nobody knows."""
        if cmd_name in LATER:
            raise NotBuiltYet(f"`podwire {cmd_name}` is planned and not in this version.", "podwire --help")
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"control.cli.{cmd_name}_command")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and lines from the table, so that --help imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        from podwire import __version__

        click.echo(f"podwire {__version__}")
        ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: sudo podwire up && podwire kubectl get nodes -o wide",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show it."
)
def podwire() -> None:
    """A Kubernetes cluster made of Linux network namespaces: real packets, no images, no Docker.

    `sudo podwire up` brings a lab up in about two seconds; `sudo podwire down` leaves no trace of it.
    """


def main() -> None:
    """Run the command line; errors that podwire knows become a message and an exit code."""
    try:
        podwire.main(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads: nothing more to say at exit
        sys.exit(141)  # as SIGPIPE would have it
    except (PersonError, KernelError, ApiError) as error:
        sys.exit(tell(error))
    except BaseExceptionGroup as group:
        sys.exit(_tell_group(group))
    except (ControlError, OSError) as error:
        click.echo(f"podwire: {error}", err=True)
        sys.exit(1)


def _tell_group(group: BaseExceptionGroup[Any]) -> int:
    """A task group's failure: its first known error; anything else is our bug and keeps its traceback."""
    error: BaseException = group.subgroup((PersonError, KernelError, ApiError)) or group
    while isinstance(error, BaseExceptionGroup) and error is not group:
        error = error.exceptions[0]
    if isinstance(error, PersonError | KernelError | ApiError):
        return tell(error)
    raise group
