"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click

from control.lab.directory import LabDirectory
from control.lab.spec import check_lab_name


def _checked(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    return check_lab_name(value)


def name_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--name NAME``: which lab."""
    return click.option(
        "--name",
        default="lab",
        envvar="PODWIRE_LAB_NAME",
        show_default=True,
        callback=_checked,
        help="Which lab.",
    )(function)


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``-o json|yaml``: for programs."""
    return click.option("-o", "output", type=click.Choice(["json", "yaml"]), help="Print data for programs.")(
        function
    )


def existing(name: str) -> LabDirectory:
    """The directory of a lab that is there, else NoSuchLab."""
    return LabDirectory.of(name).must_exist()
