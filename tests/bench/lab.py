"""A lab for a bench: brought up by the command line as a person would, counted from outside, and taken down again."""

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from control.client.resources import PODS
from control.lab.directory import LabDirectory
from control.lab.plan import LabPlan
from control.lab.ready import loopback_tls
from control.lab.supervisor import ask
from control.lab.up import stored_plan
from control.testkit.api import LabApi
from dataplane.host.cgroup import LabCgroup
from tests.bench.harness import BenchFailed

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = (sys.executable, "-I")
READY_WITHIN_S = 180.0
_UP_IN = re.compile(r"^Up in ([\d.]+) s", re.MULTILINE)


def lab_name(row: str) -> str:
    """A name of this run's own, so that two runs do not meet."""
    return f"tb{row[:3]}{os.getpid() % 100_000}"


def podwire(*arguments: str, profile: Path | None = None) -> str:
    """Run the command line; what it printed on standard output."""
    command = [*PYTHON, "-m", "podwire", *arguments]
    if profile is not None:
        command = [sys.executable, "-m", "tests.bench.profiled", str(profile), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchFailed(
            f"podwire {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


@dataclass(frozen=True, slots=True)
class Lab:
    """A running lab: what was planned, where it lives, its API as the admin."""

    plan: LabPlan
    directory: LabDirectory
    api: LabApi

    @property
    def name(self) -> str:
        """The lab's name."""
        return self.plan.name


@contextmanager
def running(name: str, *, workers: int = 2, profile: Path | None = None) -> Iterator[Lab]:
    """A lab that is up, and gone afterwards."""
    try:
        podwire("up", "--name", name, "--workers", str(workers), profile=profile)
        directory = LabDirectory.of(name)
        plan, port = stored_plan(directory)
        yield Lab(plan, directory, LabApi(directory, port))
    finally:
        podwire("down", "--name", name)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a lab's roles have used so far. cpu_s: by role; the lab's containers are in none of them."""

    cpu_s: dict[str, float]

    def since(self, before: "Usage") -> dict[str, float]:
        """CPU seconds by kind of role (all nodes' agents together), the most first."""
        used: dict[str, float] = {}
        for role, seconds in self.cpu_s.items():
            kind = "agents" if role.startswith("agents-") else role
            used[kind] = used.get(kind, 0.0) + seconds - before.cpu_s.get(role, 0.0)
        return dict(sorted(used.items(), key=lambda pair: -pair[1]))


def usage(lab: Lab) -> Usage:
    """CPU time of each role's process."""
    report = ask(lab.directory) or {"roles": [], "pid": 0}
    pids = {role["name"]: role["pid"] for role in report["roles"]} | {"supervisor": report["pid"]}
    return Usage({name: cpu_of(pid) for name, pid in pids.items()})


def cpu_of(pid: int) -> float:
    """Seconds of CPU, user and system, of a process's own threads (proc(5), stat fields 14 and 15)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def all_pids(lab: Lab) -> set[int]:
    """Every process of the lab, containers too: what its cgroup holds."""
    found: set[int] = set()
    for listing in LabCgroup(lab.name).path.rglob("cgroup.procs"):
        found |= {int(line) for line in listing.read_text().split()}
    return found


def deployment(name: str, replicas: int) -> dict[str, Any]:
    """Pods that a person would deploy: a stand-in with an HTTP readiness probe."""
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 10}
    container = {
        "name": "main",
        "image": "shop.example/web:1",
        "ports": [{"containerPort": 8080}],
        "readinessProbe": probe,
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def pod(name: str, node: str) -> dict[str, Any]:
    """A stand-in on that node, by its hostname label: the scheduler still decides."""
    spec = {
        "containers": [{"name": "main", "image": "shop.example/web:1", "ports": [{"containerPort": 8080}]}],
        "nodeSelector": {"kubernetes.io/hostname": node},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": spec,
    }


def seconds_until_ready(lab: Lab, name: str, replicas: int) -> tuple[float, list[float]]:
    """Deploy, and follow a watch: seconds from the request until all pods are Ready, and those of each pod."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1", lab.api.port, context=loopback_tls(lab.directory), timeout=READY_WITHIN_S
    )
    query = f"?watch=true&labelSelector=app%3D{name}&timeoutSeconds={READY_WITHIN_S:.0f}"
    connection.request("GET", PODS.path("default") + query)
    answer = connection.getresponse()
    began, ready = time.monotonic(), dict[str, float]()
    lab.api.create(deployment(name, replicas))
    try:
        while len(ready) < replicas:
            line = answer.readline()
            if not line:
                raise BenchFailed(f"{len(ready)} of {replicas} pods were Ready after {READY_WITHIN_S:.0f} s")
            if b'"type":"Ready"' not in line:
                continue
            pod = orjson.loads(line)["object"]
            conditions = (pod.get("status") or {}).get("conditions") or ()
            if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                ready.setdefault(pod["metadata"]["name"], time.monotonic() - began)
    finally:
        connection.close()
    return max(ready.values()), sorted(ready.values())
