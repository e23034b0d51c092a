"""``podwire up``: bring a lab up, or mend a running one."""

from dataclasses import replace
from pathlib import Path

import click

from control.cli.exits import require_root
from control.cli.options import name_option, output_option
from control.cli.output import Progress, emit, table
from control.lab.spec import LabSpec, default_nodes, read_spec
from dataplane.host.denied import Ability, is_denied


@click.command(
    epilog="Example: sudo podwire up --workers 3 --overlay direct",
    help="Bring a lab up: nodes, fabric, control plane, DNS. On a running lab: mend what is missing.",
)
@name_option
@click.option(
    "-f", "--file", "file", type=click.Path(path_type=Path), help="lab.yaml: nodes, ranges, periods."
)
@click.option("--workers", type=click.IntRange(0, 100), help="Worker nodes beside the control plane (2).")
@click.option(
    "--overlay", type=click.Choice(["vxlan", "direct"]), help="How pods' packets cross nodes (vxlan)."
)
@click.option("--dry-run", is_flag=True, help="Print the plan and make nothing.")
@output_option
def command(
    name: str, file: Path | None, workers: int | None, overlay: str | None, dry_run: bool, output: str | None
) -> None:
    spec = _spec(file, workers, overlay)
    if dry_run:
        _print_plan(name, spec or LabSpec(nodes=default_nodes(2)), output)
        return
    require_root("A lab is made of network namespaces: making one")
    from control.cli.status_command import print_status
    from control.lab.up import up

    progress = Progress(quiet=output is not None)
    lab = up(name, spec, progress)
    if output:
        emit(
            {**lab.plan.as_json(), "kubeconfig": str(lab.directory.kubeconfig), "seconds": lab.seconds},
            output,
        )
        return
    click.echo(err=True)
    print_status(lab.directory, lab.seconds, was_running=lab.was_running)


def _spec(file: Path | None, workers: int | None, overlay: str | None) -> LabSpec | None:
    """What the options ask for; None when they ask for nothing, so that a stopped lab keeps its own."""
    if file is None and workers is None and overlay is None:
        return None
    spec = read_spec(file) if file else LabSpec(nodes=default_nodes(2))
    if workers is not None:
        if file and len(spec.nodes) - 1 != workers:
            raise click.UsageError(
                f"--workers {workers} contradicts the nodes in {file}; leave one of them out."
            )
        spec = replace(spec, nodes=default_nodes(workers)) if not file else spec
    return replace(spec, overlay=overlay) if overlay else spec


def _print_plan(name: str, spec: LabSpec, output: str | None) -> None:
    from control.lab.plan import make_plan

    ipv6 = Path("/proc/net/if_inet6").exists() and not is_denied(Ability.IPV6)
    plan = make_plan(name, spec, ipv6=ipv6).as_json()
    if output:
        emit(plan, output)
        return
    rows = [
        (node["name"], node["role"], ", ".join(node["addresses"]), ", ".join(node["pods"]), node["namespace"])
        for node in plan["nodes"]
    ]
    click.echo(f"lab {name} would be:\n\n{table(('node', 'role', 'address', 'pods', 'namespace'), rows)}\n")
    click.echo(f"  overlay {plan['overlay']}, pod MTU {plan['podMtu']}, {' and '.join(plan['families'])}")
    click.echo(f"  Services {', '.join(plan['services'])}; DNS {plan['dns']}; API {plan['api']}")
    click.echo(f"  internet {', '.join(plan['internet'])}\n\nNothing was made.")
