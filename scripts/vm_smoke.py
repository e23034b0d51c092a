"""What `scripts/vm-test` runs in its guest, and what runs on any machine as root: a lab from `up` to nothing left.

Three nodes, ten pods, a Service, a policy; requests from a pod that may and from one that may not; `podwire verify`;
`podwire down`; the machine compared with what it was. Standard library alone, so that it judges by other means than
podwire does. Prints a line a step; exits 1 when one failed.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PODWIRE = ROOT / "scripts" / "podwire"

MANIFESTS = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web-for-friends}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: friend}}}]
    ports: [{port: 8080}]
"""
DEPLOYMENT = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers: [{{name: server, image: "smoke.example/{name}:1", ports: [{{containerPort: 8080}}]}}]
"""
PODS = {"web": 4, "friend": 3, "stranger": 3}

_VOLATILE = re.compile(  # settings that the kernel, systemd or this very script change
    r"^/proc/sys/(net/netfilter/nf_conntrack_count|net/ipv4/tcp_fastopen_key"
    r"|kernel/(ns_last_pid|random/|tainted|core_pattern|keys/|sched_domain/)|fs/binfmt_misc/|vm/drop_caches|vm/compact_memory"
    r"|net/ipv[46](/conf/[^/]+)?/(route/flush|stable_secret))"
)


class Failed(Exception):
    """A step did not show what it should."""


class Smoke:
    """The steps, each told with its seconds. keep_going: a failed one does not end the run."""

    def __init__(self, *, keep_going: bool) -> None:
        self.keep_going = keep_going
        self.failed: list[str] = []

    def step(self, name: str, do: Callable[[], object]) -> None:
        """Do it, say how long it took and what it found."""
        if self.failed and not self.keep_going:
            return
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        try:
            found = do()
        except Failed as error:
            self.failed.append(name)
            print(f"   FAILED after {time.monotonic() - began:.0f} s: {error}", flush=True)
        else:
            print(f"   ok, {time.monotonic() - began:.0f} s{f': {found}' if found else ''}", flush=True)


def run(*words: str, stdin: str | None = None, may_fail: bool = False) -> str:
    """A command's output, shown as it comes from podwire; Failed when its exit code is not 0."""
    print(f"   $ {' '.join(words)}", flush=True)
    done = subprocess.run(
        words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0 and not may_fail:
        raise Failed(f"exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def podwire(*words: str, stdin: str | None = None) -> str:
    """podwire's output, printed too."""
    output = run(str(PODWIRE), *words, stdin=stdin)
    print("".join(f"   | {line}\n" for line in output.splitlines()), end="", flush=True)
    return output


def machine() -> dict[str, list[str]]:
    """The machine's network, settings and traces of labs, as its own programs tell them."""
    state = {
        "links": _lines("ip", "-d", "link"),
        "addresses": _lines("ip", "address"),
        "routes": _lines("ip", "route", "show", "table", "all")
        + _lines("ip", "-6", "route", "show", "table", "all"),
        "rules": _lines("ip", "rule") + _lines("ip", "-6", "rule"),
        "ruleset": _lines("nft", "-s", "list", "ruleset"),
        "namespaces": _lines("ip", "netns"),
        "mounts": [
            line.split(" - ")[0].split(" ", 3)[3]
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
        ],
        "cgroups": sorted(str(path) for path in Path("/sys/fs/cgroup").rglob("podwire*") if path.is_dir()),
        "labs": sorted(str(path) for path in Path("/var/lib/podwire").glob("*") if path.is_dir()),
        "processes": sorted(_processes()),
        "resolver": Path("/etc/resolv.conf").read_text().splitlines()
        if Path("/etc/resolv.conf").exists()
        else [],
        "sysctls": sorted(_sysctls()),
    }
    state["addresses"] = [
        re.sub(r"(valid_lft|preferred_lft) \d+sec", r"\1", line) for line in state["addresses"]
    ]
    return state


def _lines(*words: str) -> list[str]:
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    return [line.rstrip() for line in done.stdout.splitlines()]


def _processes() -> Iterator[str]:
    """Processes of podwire's, by name; zombies have ended."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        name = re.search(r"^Name:\t(.*)$", text, re.MULTILINE)
        if name and "podwire" in name[1] and not re.search(r"^State:\tZ", text, re.MULTILINE):
            yield f"{status.parent.name} {name[1]}"


def _sysctls() -> Iterator[str]:
    for directory, _folders, files in os.walk("/proc/sys"):
        for path in (f"{directory}/{name}" for name in files):
            if _VOLATILE.match(path) or not os.stat(path).st_mode & 0o222:
                continue
            try:
                value = Path(path).read_bytes().decode(errors="replace").strip()
            except OSError:
                continue  # to write only
            yield f"{path} = {value}"


def compare(before: dict[str, list[str]], after: dict[str, list[str]]) -> str:
    """Nothing may differ; a sysctl that came with a module is told, and is no change."""
    came = _keys(after["sysctls"]) - _keys(before["sysctls"])
    wrong = []
    # `ip netns add` leaves /run/netns as a mount of its own, too.
    after["mounts"] = [
        line for line in after["mounts"] if line in before["mounts"] or " /run/netns " not in line
    ]
    for kind, had in before.items():
        have = [line for line in after[kind] if kind != "sysctls" or line.split(" = ")[0] not in came]
        wrong += [
            f"{kind}: {line}"
            for line in difflib.unified_diff(had, have, lineterm="", n=0)
            if not line.startswith(("---", "+++", "@@"))
        ]
    if wrong:
        raise Failed("the machine is not as it was:\n" + "\n".join(f"   {line}" for line in wrong))
    sizes = ", ".join(f"{len(lines)} {kind}" for kind, lines in before.items())
    return f"the same: {sizes}; {len(came)} sysctls came with modules"


def _keys(sysctls: list[str]) -> set[str]:
    return {line.split(" = ")[0] for line in sysctls}


def modules() -> set[str]:
    """Kernel modules that are loaded now."""
    try:
        return {line.split(" ", 1)[0] for line in Path("/proc/modules").read_text().splitlines()}
    except FileNotFoundError:
        return set()


def ask(place: str, *, allowed: bool, tries: int) -> str:
    """Requests to the Service from a pod, by its name, which both may look up; each must be answered, or none."""
    exec_there = (str(PODWIRE), "exec", "--name", NAME, place, "--")
    address = run(*exec_there, "getent", "hosts", "web").split(" ")[0]
    patience_s = "60" if allowed else "15"
    wget = ("wget", "-q", "-O-", "-t", "1", "-T", patience_s, "http://web/")
    answers = sum("web" in run(*exec_there, *wget, may_fail=True) for _ in range(tries))
    if answers != (tries if allowed else 0):
        raise Failed(f"{answers} of {tries} requests from {place} to {address} were answered")
    return f"{answers} of {tries} requests to {address} answered"


def settings_hold() -> str:
    """Settings that come with a module are written even where the lab was what loaded it."""
    wanted = {"net.netfilter.nf_conntrack_tcp_loose": "0", "net.ipv6.conf.eth0.accept_redirects": "0"}
    for key, value in wanted.items():
        has = run(str(PODWIRE), "exec", "--name", NAME, "node-1", "--", "sysctl", "-n", key).strip()
        if has != value:
            raise Failed(f"in node-1 {key} is {has!r}, not {value}")
    return f"{len(wanted)} as they should be"


def without_policy_and_service() -> None:
    """Kernels before 6.2 are strict about what one transaction may delete. What is left is open, and verify says so."""
    podwire("kubectl", "--name", NAME, "delete", "networkpolicy/web-for-friends", "service/web")
    podwire("verify", "--name", NAME, "--no-internet")


def delay_is_felt() -> str:
    """A delay on a node's cable, where the kernel has netem: each packet waits each way."""
    if subprocess.run(("modprobe", "-n", "-q", "sch_netem"), check=False).returncode:
        return "this kernel has no sch_netem"
    ping = (
        str(PODWIRE),
        "exec",
        "--name",
        NAME,
        "node-2",
        "--",
        "ping",
        "-c",
        "2",
        "-i",
        "0.3",
        "-W",
        "20",
        "10.0.1.10",
    )
    podwire("fault", "delay", "--name", NAME, "node-1", "400")
    try:
        slow = float(run(*ping).rpartition("min/avg/max/mdev = ")[2].split("/")[0])
    finally:
        podwire("fault", "heal", "--name", NAME, "--all")
    if slow < 800:
        raise Failed(f"a ping took {slow} ms although both ways wait 400 ms")
    return f"a ping takes {slow:.0f} ms"


def ten_pods_ready() -> str:
    """What `podwire kubectl` would show, by way of the applied manifests."""
    text = MANIFESTS + "".join(DEPLOYMENT.format(name=name, replicas=count) for name, count in PODS.items())
    file = Path("/tmp/podwire-vm-smoke.yaml")
    file.write_text(text)
    podwire("apply", "--name", NAME, "-f", str(file), "--wait", "--timeout", "300")
    file.unlink()
    return f"{sum(PODS.values())} pods ready"


NAME = "smoke"


def main() -> int:
    """All steps; the exit code."""
    global NAME
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep-going", action="store_true", help="a failed step does not end the run")
    parser.add_argument("--bridge-netfilter", action="store_true", help="load br_netfilter first")
    parser.add_argument("--name", default=NAME, help="of the lab")
    options = parser.parse_args()
    NAME = options.name
    smoke = Smoke(keep_going=options.keep_going)
    if options.bridge_netfilter:
        smoke.step("modprobe br_netfilter", lambda: run("modprobe", "br_netfilter"))
    had, before = modules(), machine()
    smoke.step("doctor", lambda: podwire("doctor") and None)
    smoke.step("up with three nodes", lambda: podwire("up", "--name", NAME, "--workers", "2") and None)
    smoke.step("settings of a node", settings_hold)
    smoke.step("ten pods, a Service, a policy", ten_pods_ready)
    smoke.step("a friend reaches the Service by name", lambda: ask("deploy/friend", allowed=True, tries=3))
    smoke.step("a stranger does not", lambda: ask("deploy/stranger", allowed=False, tries=1))
    smoke.step("verify", lambda: podwire("verify", "--name", NAME) and None)
    smoke.step("a delayed cable", delay_is_felt)
    smoke.step(
        "a packet is traced", lambda: podwire("trace", "--name", NAME, "deploy/friend", "svc/web") and None
    )
    smoke.step("policy and Service deleted: chains and maps go", without_policy_and_service)
    # Whatever failed, the lab goes.
    failed, smoke.failed = smoke.failed, []
    if failed:
        for log in sorted(Path("/var/lib/podwire", NAME, "log").glob("*.log")):
            tail = log.read_text(errors="replace").splitlines()[-30:]
            print(f"--- {log.name}\n" + "\n".join(tail), flush=True)
    smoke.step("down", lambda: podwire("down", "--name", NAME) and None)
    smoke.step("the machine as it was", lambda: compare(before, machine()))
    failed += smoke.failed
    print(f"\nmodules loaded by the lab: {' '.join(sorted(modules() - had)) or 'none'}")
    print(f"\nsmoke test: {'failed: ' + ', '.join(failed) if failed else 'all in order'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
