"""Where and why the kernel itself gave a traced packet up; each reason put in by hand."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from control.explain.causes import Cause
from control.explain.run import TraceReport
from dataplane.ebpf.drops import OFF
from dataplane.model.address import Family
from dataplane.netns.enter import run_inside

pytestmark = pytest.mark.root


def _died(report: TraceReport) -> str:
    """What the kernel said of the request's end, in its words."""
    found = [line for hop in report.request if hop.what == "died" for line in hop.because]
    assert len(found) == 1, report.request
    return found[0]


def test_rp_filter_is_named_where_it_dropped(lab, trace, kernel):
    lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    far, to = lab.node("node-1"), f"{lab.namespace}/shop:8080"
    far.run("ip", "route", "add", f"{ann.ip[Family.V4]}/32", "dev", "cni0")
    far.run("sysctl", "-qw", "net.ipv4.conf.vxlan1.rp_filter=1")
    try:
        report = trace(ann, to, kernel)
    finally:
        far.run("sysctl", "-qw", "net.ipv4.conf.vxlan1.rp_filter=0")
        far.run("ip", "route", "del", f"{ann.ip[Family.V4]}/32", "dev", "cni0")

    assert (report.fate.cause, report.fate.place) == (Cause.RP_FILTER, "node-1")
    assert _died(report).startswith("kernel: IP_RPFILTER in ")
    assert report.request[-1].what == "died"
    assert report.journey.lost == ()


def test_a_route_that_is_gone(lab, trace, kernel, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    near, address = lab.node("node-2"), shop.ip[family]
    words = [f"-{family.value}", "route"]
    near.run("ip", *words, "add", "unreachable", str(address))
    try:
        report = trace(ann, f"{lab.namespace}/shop:8080", kernel, family=family)
    finally:
        near.run("ip", *words, "del", "unreachable", str(address))

    assert (report.fate.cause, report.fate.place) == (Cause.NO_ROUTE, "node-2")
    assert _died(report).rpartition(" in ")[2] in ("ip_error", "ip6_pkt_drop", "ip6_pkt_discard")


def test_a_closed_udp_port(lab, trace, kernel, family):
    lab.pod("shop", node="node-1")
    ann = lab.pod("ann", node="node-2")

    report = trace(ann, f"{lab.namespace}/shop:9", kernel, protocol="udp", family=family)

    assert (report.fate.cause, report.fate.place) == (Cause.NO_LISTENER, f"{lab.namespace}/shop")
    assert _died(report).startswith("kernel: NO_SOCKET in ")


def test_a_socket_whose_reader_is_too_slow(lab, trace, kernel):
    shop = lab.pod("shop", node="node-1")
    ann = lab.pod("ann", node="node-2")
    with run_inside(shop.netns, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        slow.bind(("", 7000))
        for _ in range(16):
            ann.tell(bytes(1000), shop.ip[Family.V4], 7000)
        lab.until(
            lambda: (
                trace(ann, f"{lab.namespace}/shop:7000", kernel, protocol="udp", timeout_s=0.3).fate.cause
            ),
            what="its buffer is full",
        )
        report = trace(ann, f"{lab.namespace}/shop:7000", kernel, protocol="udp")

    assert (report.fate.cause, report.fate.place) == (Cause.QUEUE, f"{lab.namespace}/shop")
    assert _died(report).startswith("kernel: SOCKET_RCVBUFF in ")


def test_a_neighbour_that_nobody_is(lab, trace, kernel):
    ann = lab.pod("ann", node="node-2")
    near, nobody = lab.node("node-2"), "10.0.1.77"
    near.run("sysctl", "-qw", "net.ipv4.neigh.eth0.retrans_time_ms=100")
    try:
        report = trace(ann, f"{nobody}:80", kernel, timeout_s=10)
    finally:
        near.run("sysctl", "-qw", "net.ipv4.neigh.eth0.retrans_time_ms=1000")

    assert (report.fate.cause, report.fate.place) == (Cause.DEAD_LINK, "node-2")
    assert _died(report).startswith("kernel: NEIGH_FAILED in ")


def test_what_a_rule_dropped_is_told_once_and_by_the_rule(lab, trace, kernel):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    far = lab.node("node-1")
    far.run("nft", "add table ip strange; add chain ip strange c { type filter hook forward priority 5; };"
                   f"add rule ip strange c ip daddr {shop.ip[Family.V4]} drop")  # fmt: skip
    try:
        report = trace(ann, f"{lab.namespace}/shop:8080", kernel)
    finally:
        far.run("nft", "delete table ip strange")

    assert report.fate.cause is Cause.FOREIGN_RULE
    assert [hop.what for hop in report.request if hop.said.startswith("DROPPED")] == ["rule"]
    assert [death.reason for death in report.journey.steps if hasattr(death, "reason")] == ["NETFILTER_DROP"]


def test_what_arrives_does_not_die(lab, trace, kernel, family):
    lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")

    report = trace(ann, f"{lab.namespace}/shop:8080", kernel, family=family)

    assert report.fate.answered
    assert not [hop for hop in (*report.request, *report.answer) if hop.what == "died"]


def test_without_ebpf_it_says_so_in_a_line_and_goes_on_with_the_counters(lab):
    lab.pod("shop", node="node-1", listens=8080)
    lab.pod("ann", node="node-2")
    words = ["podwire", "trace", "--name", lab.name, f"{lab.namespace}/ann", f"{lab.namespace}/shop:9"]

    done = subprocess.run(
        [*words, "--proto", "udp"], env={**os.environ, OFF: "1"}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert f"lost at {lab.namespace}/shop: no listener" in done.stdout
    assert done.stderr.splitlines() == [
        f"without eBPF ({OFF} is set): where it died is told by the kernel's counters"
    ]


def test_the_helper_goes_with_a_trace_that_is_killed(lab, kernel):
    lab.pod("ann", node="node-2")
    words = ["trace", "--name", lab.name, f"{lab.namespace}/ann", "10.0.1.77:80", "--timeout", "30"]

    with subprocess.Popen(
        ["podwire", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        lab.until(lambda: _helpers_of(running.pid), what="its helper runs")
        running.send_signal(signal.SIGKILL)

    lab.until(lambda: not _helpers_of(running.pid), what="its helper went with it")


def _helpers_of(parent: int) -> list[int]:
    """Helper processes that were made by a process and are not yet gone."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(word.endswith(b"/ebpf/tell_drops.py") for word in words) and str(parent).encode() in words:
                found.append(int(entry.name))
    return found
