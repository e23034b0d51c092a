"""`podwire drops` on a real lab: each drop with its place, reason and object."""

import json
import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from control.explain.causes import Cause
from dataplane.ebpf.drops import OFF
from dataplane.model.address import Family
from dataplane.netns.enter import run_inside
from dataplane.observe import craft

pytestmark = pytest.mark.root


@dataclass
class Watching:
    """A command that watches. objects: what it printed, once it has ended."""

    process: subprocess.Popen[str]
    out: str = ""
    err: str = ""
    objects: list[dict[str, Any]] = field(default_factory=list)

    def so_far(self) -> str:
        """What it has printed until now; never waits."""
        assert self.process.stdout is not None
        while select.select([self.process.stdout], [], [], 0)[0]:
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                break
            self.out += data.decode()
        return self.out

    def of(self, place: str, reason: str) -> list[dict[str, Any]]:
        """Drops of one reason at one place."""
        return [each for each in self.objects if (each["place"], each["reason"]) == (place, reason)]


@contextmanager
def _watching(lab, *words: str, **environment: str) -> Iterator[Watching]:
    line = ["env", "--default-signal=INT", "podwire", "drops", "--name", lab.name, *words]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as process:
        watching = Watching(process)
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.startswith(f"watching lab {lab.name} "), first + process.stderr.read()
        try:
            yield watching
        finally:
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=30)
            watching.out, watching.err = watching.out + rest, first + errors
    if "json" in words:
        watching.objects = [json.loads(each) for each in watching.out.splitlines()]


def test_each_drop_has_its_place_reason_and_object(lab, kernel, family):
    shop = lab.pod("shop", node="node-1", listens=8080, labels={"app": "shop"})
    ann = lab.pod("ann", node="node-2")
    empty = lab.service("empty", to={"app": "nobody"}, port=80)
    here = lab.namespace

    with _watching(lab, "-o", "json") as seen:
        ann.tell(b"anybody?", shop.ip[family], 9)
        assert not ann.can_connect(shop.ip[family], 9)
        lab.until(lambda: not ann.can_connect(empty.ip[family], 80), what="the empty Service refuses")
        lab.policy("nobody", podSelector={"matchLabels": {"app": "shop"}}, ingress=[])
        lab.until(lambda: not ann.can_connect(shop.ip[family], 8080), what="the policy is in force")

    closed = seen.of(f"{here}/shop", "no listener")
    assert {each["protocol"] for each in closed} == {"tcp", "udp"}
    assert {(each["from"], each["to"]) for each in closed} == {(f"{here}/ann", f"{here}/shop:9")}
    refused = seen.of("node-2", "no endpoints")
    assert {each["object"] for each in refused} == {f"Service {here}/empty"}
    denied = seen.of("node-1", "default deny")
    assert {each["object"] for each in denied} == {f"NetworkPolicy {here}/nobody"}
    assert all(each["kernel"].startswith("NETFILTER_DROP in ") for each in (*refused, *denied))
    assert "more drops came too fast" not in seen.err


def test_a_pod_that_came_later_is_watched_too(lab, kernel):
    ann = lab.pod("ann", node="node-2")

    with _watching(lab, "--live") as seen:
        late = lab.pod("late", node="node-1")
        lines = f"{lab.namespace}/late:eth0  no listener  {lab.namespace}/ann"

        def told() -> bool:
            ann.tell(b"anybody?", late.ip[Family.V4], 9)
            return lines in seen.so_far()

        lab.until(told, what="a drop of the new pod is told")


def test_more_drops_than_can_be_told_are_counted_and_said(lab, kernel):
    shop = lab.pod("shop", node="node-1")
    ann = lab.pod("ann", node="node-2")

    with _watching(lab, "-o", "json") as seen:
        _flood(ann, shop, 20_000)

    told = len([each for each in seen.objects if each["place"] == f"{lab.namespace}/shop"])
    (said,) = [line for line in seen.err.splitlines() if line.startswith(f"{lab.namespace}/shop: ")]
    assert told + int(said.split()[1]) >= 20_000
    assert seen.process.returncode == 1


def _flood(ann, shop, count: int) -> None:
    """Datagrams to a closed port, as fast as one socket sends."""

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            for _ in range(count):
                asking.sendto(b"anybody?", (str(shop.ip[Family.V4]), 9))

    run_inside(ann.netns, send)


def test_without_ebpf_counters_tell_how_many_and_whose_rule(lab):
    shop = lab.pod("shop", node="node-1", listens=8080, labels={"app": "shop"})
    ann = lab.pod("ann", node="node-2")
    lab.policy("nobody", podSelector={"matchLabels": {"app": "shop"}}, ingress=[])
    lab.until(lambda: not ann.can_connect(shop.ip[Family.V4], 8080), what="the policy is in force")

    with _watching(lab, "-o", "json", **{OFF: "1"}) as seen:
        assert not ann.can_connect(shop.ip[Family.V4], 8080)
        shop.tell(b"anybody?", ann.ip[Family.V4], 9)

    assert f"by counters, without eBPF ({OFF} is set)" in seen.err
    denied = seen.of("node-1", "default deny")
    assert {each["object"] for each in denied} == {f"{lab.namespace}/nobody"}
    assert [each["packets"] for each in seen.of(f"{lab.namespace}/ann", "no listener")] == [1]


def test_the_table_adds_up(lab, kernel):
    shop = lab.pod("shop", node="node-1")
    ann = lab.pod("ann", node="node-2")

    with _watching(lab) as seen:
        for _ in range(3):
            ann.tell(b"anybody?", shop.ip[Family.V4], 9)

    (row,) = [
        line for line in seen.out.splitlines() if f"{lab.namespace}/ann → {lab.namespace}/shop:9" in line
    ]
    assert row.split("  ")[0] == f"{lab.namespace}/shop"
    assert " 3 " in row


def test_nothing_is_left_when_it_is_killed(lab, kernel):
    with _watching(lab) as seen:
        helpers = _children(seen.process.pid)
        assert helpers
        seen.process.kill()
        seen.process.wait()
        lab.until(lambda: not any(_runs(pid) for pid in helpers), what="its helper went with it")


def _children(pid: int) -> list[int]:
    """Processes whose parent, or parent's parent, it is."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _parent(int(entry.name)) == pid:
            found += [int(entry.name), *_children(int(entry.name))]
    return found


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_fault_of_podwires_own_is_no_strangers_rule(lab, kernel, trace):
    lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    fault = ["podwire", "fault"]
    lose = [*fault, "lose", "--name", lab.name, "node-1", "node-2", "100"]
    subprocess.run(lose, check=True, stdout=subprocess.DEVNULL)
    try:
        with _watching(lab, "-o", "json") as seen:
            traced = trace(ann, f"{lab.namespace}/shop:8080", timeout_s=1)
    finally:
        subprocess.run([*fault, "heal", "--name", lab.name, "--all"], check=True, stdout=subprocess.DEVNULL)

    assert (traced.fate.cause, traced.fate.place) == (Cause.FAULT, "fabric")
    mine = [each for each in seen.of("fabric", Cause.FAULT) if each["to"] == f"{lab.namespace}/shop:8080"]
    assert [each["why"].partition(": ")[2] for each in mine] == ["lose node-1 node-2 100 %"]


def test_wrong_checksums_worn_out_ttls_and_missing_routes_are_told_apart(lab, kernel):
    shop = lab.pod("shop", node="node-1")
    ann = lab.pod("ann", node="node-2")
    source, target = ann.ip[Family.V4], shop.ip[Family.V4]
    whole = craft.udp(craft.Ends(source, target), 4000, 9, b"spoilt")
    spoilt = whole[:26] + bytes([whole[26] ^ 0xFF, whole[27]]) + whole[28:]  # the last bytes of UDP's header

    with _watching(lab, "-o", "json") as seen:
        ann.send(spoilt)
        ann.send(craft.udp(craft.Ends(source, target, ttl=1), 4000, 9, b"old"))
        ann.send(craft.udp(craft.Ends(source, ip_address("192.0.2.77")), 4000, 9, b"nowhere"))

    (one,) = seen.of("node-2", Cause.INVALID)  # conntrack looks at checksums, before any socket does
    assert "its checksum is wrong" in one["why"]
    assert [each["ttl"] for each in seen.of("node-2", "TTL")] == [1]
    assert [each["destination"] for each in seen.of("internet", "no route")] == ["192.0.2.77"]
