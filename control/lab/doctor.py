"""What this machine can and cannot do for a lab, what that costs, and what to mend."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from control.errors import ToolMissing
from control.lab.kubectl import find
from dataplane.host.capabilities import Capabilities, probe
from dataplane.host.limits import Need, read

State = Literal["ok", "costs", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. state: ok; costs (a lab runs, with less); missing (no lab runs)."""

    name: str
    state: State
    found: str
    cost: str = ""
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        """Without what is empty."""
        fields = {"name": self.name, "state": self.state, "found": self.found, "cost": self.cost}
        return {key: value for key, value in {**fields, "mend": self.mend}.items() if value}


def examine(nodes: int = 3, pods: int = 110) -> list[Finding]:
    """Look at machine, kernel, limits and tools. As root it tries; as anybody else it says what it could not."""
    findings = [_machine()]
    if os.geteuid() != 0:
        findings.append(
            Finding(
                "kernel",
                "costs",
                "not tried",
                "only root can make a namespace to try in",
                "sudo podwire doctor",
            )
        )
    else:
        findings += _kernel(probe())
    return [*findings, *_limits(Need(nodes=nodes, pods=pods)), *_tools()]


def _machine() -> Finding:
    """What kind of machine: its own, a virtual one, WSL2, a container, a CI runner."""
    release = os.uname().release
    kind = "a machine or VM of its own"
    cost = ""
    if "microsoft" in release.lower():
        kind = "WSL2"
        cost = "its kernel often lacks VXLAN and br_netfilter: then `--overlay direct`, and pods of a node are routed"
    elif Path("/.dockerenv").exists() or _in_container():
        kind = "a container"
        cost = "needs --privileged, or CAP_SYS_ADMIN and CAP_NET_ADMIN, with a writable /proc/sys/net"
    if os.environ.get("GITHUB_ACTIONS") == "true" or os.environ.get("GITLAB_CI"):
        kind += ", a CI runner"
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    found = f"{kind}, {os.cpu_count()} cores, {memory_kb // 1_048_576} GiB, kernel {release}"
    return Finding("machine", "costs" if cost else "ok", found, cost)


def _in_container() -> bool:
    try:
        return "container=" in Path("/proc/1/environ").read_text(errors="replace")
    except OSError:
        return False


def _kernel(can: Capabilities) -> list[Finding]:
    """Required things first; then those whose absence only costs something."""
    missing = {error.id: error for error in can.missing(overlay="direct")}
    findings = [Finding(error.id, "missing", error.what, mend=error.mend) for error in missing.values()]
    if not missing:
        findings.append(Finding("kernel", "ok", "namespaces, veth, bridge, nftables, conntrack, cgroup2"))
    rows = (
        ("VXLAN", can.vxlan, "nodes are joined by routes only: --overlay direct", "sudo modprobe vxlan"),
        ("IPv6", can.ipv6, "labs are IPv4 alone", "sudo sysctl net.ipv6.conf.all.disable_ipv6=0"),
        (
            "br_netfilter",
            can.bridge_netfilter,
            "pods of one node are routed, not bridged: TTL 63 between them; never loaded by podwire, since it would "
            "filter the machine's own bridges",
            "sudo modprobe br_netfilter   if nothing else here uses bridges",
        ),
        (
            "overlayfs",
            can.overlayfs,
            "containers see the machine's files read-only and write to /tmp, /run, /var/log and the like",
            "sudo modprobe overlay",
        ),
        ("netem", can.netem, "no delay can be emulated (podwire fault delay)", "sudo modprobe sch_netem"),
        (
            "BTF",
            can.btf,
            "trace and drops go by counters, not by the kernel's own word",
            "a kernel with CONFIG_DEBUG_INFO_BTF",
        ),
    )
    for name, there, cost, mend in rows:
        findings.append(
            Finding(name, "ok", "there") if there else Finding(name, "costs", "missing", cost, mend)
        )
    return findings


def _limits(need: Need) -> list[Finding]:
    findings = []
    for limit in read(need):
        found = f"{limit.value}, {limit.in_use} in use, a lab of {need.pods} pods needs {limit.needed}"
        state: State = "missing" if limit.reached else "ok"
        findings.append(Finding(limit.name, state, found, mend=limit.mend if limit.reached else ""))
    return findings


def _tools() -> list[Finding]:
    rows = (
        ("ip", "look and exec show less", "sudo apt-get install iproute2"),
        ("nft", "look can't list rulesets, and the machine's ruleset is compared by table names", "nftables"),
        ("wget", "published init containers that call it fail", "sudo apt-get install wget"),
    )
    findings = [_tool(name, cost, mend) for name, cost, mend in rows]
    try:
        findings.append(Finding("kubectl", "ok", str(find())))
    except ToolMissing as error:
        findings.append(Finding("kubectl", "costs", "missing", str(error), "pip install podwire[kubectl]"))
    return findings


def _tool(name: str, cost: str, mend: str) -> Finding:
    where = shutil.which(name)
    if where:
        return Finding(name, "ok", where)
    return Finding(name, "costs", "missing", cost, mend if " " in mend else f"sudo apt-get install {mend}")
