"""``podwire map``: the lab as an SVG picture, with a packet's way on it."""

import os
from pathlib import Path

import click

from control.cli.exits import require_root
from control.cli.options import existing, name_option
from control.errors import OutputInvalid


@click.command(
    epilog="Example: sudo podwire map -w lab.svg --trace 'shop/web-1 svc/api:80'",
    help="Draw the lab: nodes, bridges, pods, and links with their state as the kernel has it. "
    "--trace sends a packet and draws the way that it took.",
)
@name_option
@click.option(
    "-w",
    "--write",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The SVG file; else it is printed.",
)
@click.option("--trace", "words", metavar="'FROM TO[:PORT]'", help="Draw the way of a packet, too.")
def command(name: str, path: Path | None, words: str | None) -> None:
    require_root("Looking into network namespaces")
    from control.explain.chart import svg
    from control.explain.gather import gather
    from control.explain.run import Question, run_trace
    from control.explain.survey import survey, way_of
    from control.lab.directory import Caller
    from control.lab.places import find_place
    from control.lab.up import stored_plan

    directory = existing(name)
    plan, port = stored_plan(directory)
    ends = words.split() if words else []
    if words and len(ends) != 2:
        raise click.UsageError("--trace wants two places: --trace 'shop/web-1 svc/api:80'")
    source = find_place(plan, directory, port, ends[0]) if ends else None
    atlas = gather(directory)
    chart = survey(atlas)
    way = way_of(run_trace(atlas, source, Question(ends[1])), atlas) if source is not None else None
    picture = svg(chart, way)
    if path is None or path == Path("-"):
        click.echo(picture, nl=False)
    else:
        new = not path.exists()
        try:
            path.write_text(picture, encoding="utf-8")
            if new:
                os.chown(path, *Caller.current().ids)
        except OSError as error:
            raise OutputInvalid(
                f"{path}: {error.strerror}.", "-w FILE.svg in a directory that can be written"
            ) from error
