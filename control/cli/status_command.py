"""``podwire status``: what exists of a lab, and what to try next."""

import os
import shlex
from typing import Any

import click

from control.cli.options import existing, name_option, output_option
from control.cli.output import bytes_text, emit, table
from control.lab.directory import LabDirectory, all_labs
from control.lab.supervisor import ask
from dataplane.netns import create
from dataplane.netns.names import lab_of
from dataplane.patience import patient


@click.command(
    epilog="Example: podwire status -o json",
    help="Show what exists of a lab: nodes, cables, addresses, memory, roles; and the next commands to try.",
)
@name_option
@output_option
@click.option("--all", "every", is_flag=True, help="A line for each lab.")
def command(name: str, output: str | None, every: bool) -> None:
    if every:
        _print_all(output)
        return
    directory = existing(name)
    if output:
        emit(describe(directory), output)
        return
    print_status(directory, None, was_running=True)


def describe(directory: LabDirectory) -> dict[str, Any]:
    """A lab as data: plan, roles, pods a node, namespaces, memory. Raises LabStopped without a supervisor."""
    from control.lab.stop import stopped
    from control.lab.up import stored_plan

    plan, port = stored_plan(directory)
    report = ask(directory)
    if report is None:
        raise stopped(directory)
    memory = {role["name"]: role["memoryBytes"] for role in report["roles"]}
    namespaces = [name for name in create.listing() if lab_of(name) == directory.name]
    document = plan.as_json()
    pods = _pods_by_node(directory, port)
    for node in document["nodes"]:
        node["podsRunning"] = pods.get(node["name"], 0)
        node["memoryBytes"] = memory.get(f"agents-{node['name']}", 0)
    return {
        **document,
        "kubeconfig": str(directory.kubeconfig),
        "server": f"https://127.0.0.1:{port}",
        "namespaces": len(namespaces),
        "cables": max(0, len(namespaces) - 1),
        "roles": report["roles"],
        "memoryBytes": sum(memory.values()) + report["memoryBytes"],
        "faults": _faults(directory),
    }


def print_status(directory: LabDirectory, seconds: float | None, *, was_running: bool) -> None:
    """The table of what exists, and the next commands."""
    lab = describe(directory)
    rows = [
        (
            node["name"],
            node["role"],
            node["addresses"][0],
            node["pods"][0],
            str(node["podsRunning"]),
            str(1 + node["podsRunning"]),
            bytes_text(node["memoryBytes"]),
        )
        for node in lab["nodes"]
    ]
    click.echo(table(("node", "role", "address", "pod range", "pods", "cables", "memory"), rows))
    restarted = [f"{role['name']} ({role['restarts']} times)" for role in lab["roles"] if role["restarts"]]
    click.echo()
    click.echo(
        f"Lab {directory.name} is {lab['namespaces']} network namespaces and {lab['cables']} cables, "
        f"{bytes_text(lab['memoryBytes'])} without its pods. No image was pulled: podwire runs none."
    )
    if restarted:
        click.echo(f"Started again since `up`: {', '.join(restarted)}; see podwire logs supervisor.")
    for fault in lab["faults"]:
        click.echo(f"Fault {fault}; sudo podwire fault heal{_flag(directory.name)} {fault.partition(':')[0]}")
    if seconds is not None:
        click.echo(
            f"{'Mended' if was_running else 'Up'} in {seconds:.2f} s. Your ~/.kube/config was not touched:"
        )
    flag = _flag(directory.name)
    worker = lab["nodes"][-1]["name"]
    click.echo(f"\n  export KUBECONFIG={lab['kubeconfig']}")
    lines = (
        (f"podwire kubectl{flag} get pods -A -o wide", "the cluster, as Kubernetes sees it"),
        (f"sudo podwire look{flag} {worker}", "the same node, as ip and nft see it"),
        (f"podwire apply{flag} -f FILE|DIR --wait", "your manifests"),
        (f"sudo podwire verify{flag}", "who reaches whom, by real connections"),
        (f"sudo podwire down{flag}", "gone without a trace"),
    )
    width = max(len(line) for line, _ in lines)
    for line, what in lines:
        click.echo(f"  {line:<{width}}   {what}")


def _flag(lab: str) -> str:
    return "" if lab == "lab" else f" --name {shlex.quote(lab)}"


def _faults(directory: LabDirectory) -> list[str]:
    """``f1: cut node-1``, of those in force."""
    if not directory.faults.exists():
        return []
    from control.lab.fault_book import in_force

    return [f"{entry.id}: {entry.fault}" for entry in in_force(directory)]


def _pods_by_node(directory: LabDirectory, port: int) -> dict[str, int]:
    """Pods that are plugged in, by node, as the API tells it; empty when it does not answer."""
    import http.client
    import json

    from control.lab.ready import loopback_tls

    counts: dict[str, int] = {}
    try:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, context=loopback_tls(directory), timeout=patient(5.0)
        )
        connection.request("GET", "/api/v1/pods")
        items = json.load(connection.getresponse()).get("items") or []
        connection.close()
    except (OSError, ValueError, http.client.HTTPException):
        return counts
    for pod in items:
        node = pod["spec"].get("nodeName")
        if node and (pod.get("status") or {}).get("podIP") and not pod["spec"].get("hostNetwork"):
            counts[node] = counts.get(node, 0) + 1
    return counts


def _print_all(output: str | None) -> None:
    labs = []
    for directory in all_labs():
        try:
            running = ask(directory) is not None
        except PermissionError:
            running = False
        labs.append({"name": directory.name, "running": running, "directory": str(directory.root)})
    if output:
        emit(labs, output)
    elif not labs:
        click.echo("no lab is there; sudo podwire up" if os.geteuid() else "no lab is there; podwire up")
    else:
        rows = [(lab["name"], "yes" if lab["running"] else "no", lab["directory"]) for lab in labs]
        click.echo(table(("lab", "running", "directory"), [tuple(map(str, row)) for row in rows]))
