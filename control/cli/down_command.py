"""``podwire down``: remove a lab and all it made."""

import click
from click.core import ParameterSource

from control.cli.exits import require_root
from control.cli.options import name_option
from control.lab.directory import LabDirectory
from control.lab.down import known_labs, take_down


@click.command(
    epilog="Example: sudo podwire down --all",
    help="Remove a lab: processes, namespaces, mounts, files. Then compare the machine with before `up`.",
)
@name_option
@click.option("--all", "every", is_flag=True, help="Every lab that the kernel or the directory knows of.")
@click.pass_context
def command(ctx: click.Context, name: str, every: bool) -> None:
    if every and ctx.get_parameter_source("name") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"--all removes every lab, --name {name} one: leave one of them out.")
    require_root("Removing namespaces")
    names = known_labs() if every else [name]
    if not names:
        click.echo("no lab to remove")
    for lab in names:
        directory = LabDirectory.of(lab)
        with directory.locked("down"):
            removed = take_down(directory)
        click.echo(
            f"lab {lab}: {removed.sentence()}" if len(names) > 1 and removed.anything else removed.sentence()
        )
        for line in removed.differences or ():
            click.echo(f"  {line}")
