"""``podwire api``: the Kubernetes API alone, for tests and for trying things out."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from control.alone.run import Running


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog="Examples: podwire api --fake-nodes 3 · podwire api -- pytest -q · podwire api --data ./api --port 6443",
    help="Serve the Kubernetes API on loopback until Ctrl-C: no root, no lab, no Docker. Its objects are thrown away "
    "at the end, unless --data keeps them. With COMMAND: run it with KUBECONFIG set, and exit with its code.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port; 0 (the default) picks a free one."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Keep objects, certificates and port in DIR.",
    metavar="DIR",
)
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path), help="Write the kubeconfig there.", metavar="FILE"
)
@click.option(
    "--controllers/--no-controllers", default=True, show_default=True, help="Kubernetes' controllers."
)
@click.option(
    "--fake-nodes",
    type=click.IntRange(0, 1000),
    default=0,
    metavar="N",
    help="So many pretended nodes, on which pods run in the API only.",
)
@click.option("-o", "output", type=click.Choice(["json"]), help="The line that it is ready as JSON.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def command(
    port: int,
    data: Path | None,
    kubeconfig: Path | None,
    controllers: bool,
    fake_nodes: int,
    output: str | None,
    command: tuple[str, ...],
) -> None:
    from control.alone.options import AloneOptions
    from control.alone.run import AloneRun, run_alone

    options = AloneOptions(controllers, fake_nodes)
    run = AloneRun(options, port, data, kubeconfig, command)

    def tell(running: "Running") -> None:
        # The command's standard output is its own.
        click.echo(_as_json(running) if output else _as_line(running, options), err=bool(command))
        if sys.stdout is not None:  # closed by whoever started us
            sys.stdout.flush()

    sys.exit(run_alone(run, tell))


def _as_line(running: "Running", options: object) -> str:
    where = f"kept in {running.place.root}" if running.place.kept else "thrown away at the end"
    words = getattr(options, "words", "")
    return f"Kubernetes API at {running.url} ({words}; {where}): export KUBECONFIG={running.kubeconfig}"


def _as_json(running: "Running") -> str:
    return json.dumps(
        {
            "url": running.url,
            "port": running.port,
            "kubeconfig": str(running.kubeconfig),
            "data": str(running.place.root),
            "kept": running.place.kept,
            "pid": os.getpid(),
        }
    )
