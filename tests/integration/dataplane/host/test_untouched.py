"""A change in a namespace is seen, whatever it is; tried in namespaces of the tests' own, never in the root one."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from dataplane.host import untouched
from dataplane.netns import create
from dataplane.netns.enter import run_inside
from dataplane.netns.sweep import sweep

pytestmark = pytest.mark.root

LAB = f"tu{os.getpid() % 1_000_000}"
NAME = f"podwire-{LAB}-machine"


@pytest.fixture(autouse=True)
def machine() -> Iterator[None]:
    """A namespace that stands for the machine's."""
    create.create(NAME)
    run("ip link add eth0 type veth peer name far")
    run("ip addr add 192.0.2.2/24 dev eth0")
    run("ip link set eth0 up")
    run("ip link set far up")
    run("ip route add default via 192.0.2.1")
    run("nft add table ip shop")
    run("nft add chain ip shop input { type filter hook input priority 0 ; }")
    run("nft add rule ip shop input tcp dport 80 counter accept")
    yield
    sweep(LAB)


def run(command: str) -> None:
    subprocess.run(["ip", "netns", "exec", NAME, *command.split()], check=True, capture_output=True)


def snapshot() -> untouched.RootState:
    return run_inside(NAME, untouched.snapshot)


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("ip link add eth9 type bridge", "links: new: eth9"),
        ("ip link set eth0 mtu 1400", "links: new: eth0"),
        ("ip link set far down", "links: gone: far"),
        ("ip addr add 192.0.2.3/24 dev eth0", "addresses: new: 192.0.2.3/24 dev eth0"),
        ("ip addr add 2001:db8::2/64 dev eth0", "addresses: new: 2001:db8::2/64 dev eth0"),
        ("ip route add 10.0.0.0/8 via 192.0.2.1", "routes: new: 10.0.0.0/8 via 192.0.2.1 dev eth0"),
        (
            "ip route add 10.0.0.0/8 via 192.0.2.1 table 77",
            "routes: new: 10.0.0.0/8 via 192.0.2.1 dev eth0 table 77",
        ),
        ("ip -6 route add 2001:db8::/32 dev eth0", "routes: new: 2001:db8::/32 dev eth0"),
        ("ip route del default", "routes: gone: 0.0.0.0/0 via 192.0.2.1 dev eth0"),
        ("ip rule add from 10.0.0.0/8 table 77", "rules: new: IPv4"),
        ("ip -6 rule add from 2001:db8::/32 table 77", "rules: new: IPv6"),
        ("nft add table inet more", "ruleset: new: table inet more"),
        ("nft add rule ip shop input drop", "ruleset: new: table ip shop > chain input > drop"),
        (
            "nft add rule ip shop input tcp dport 80 counter accept",
            "ruleset: new: table ip shop > chain input",
        ),
        ("nft flush chain ip shop input", "ruleset: gone: table ip shop > chain input > tcp dport 80"),
        ("sysctl -w net.ipv4.ip_forward=1", "sysctl net.ipv4.ip_forward: 0 → 1"),
        ("sysctl -w net.ipv4.conf.eth0.rp_filter=1", "sysctl net.ipv4.conf.eth0.rp_filter: 0 → 1"),
    ],
)
def test_each_kind_of_change_is_seen_and_named(command, kind):
    before = snapshot()
    assert before.differences(snapshot()) == []

    run(command)

    differences = before.differences(snapshot())
    assert [line for line in differences if line.startswith(kind)], differences


def test_traffic_counters_neighbours_and_connections_are_no_change():
    before = snapshot()

    run("ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev eth0")
    subprocess.run(
        ["ip", "netns", "exec", NAME, "ping", "-c2", "-i0.01", "192.0.2.2"], check=True, capture_output=True
    )

    assert before.differences(snapshot()) == []


def test_a_change_that_is_taken_back_is_none():
    before = snapshot()

    run("ip link add eth9 type bridge")
    run("ip link delete eth9")

    assert before.differences(snapshot()) == []


def test_a_machine_without_nft_is_compared_all_the_same(monkeypatch):
    monkeypatch.setattr(untouched.shutil, "which", lambda *_, **__: None)
    before = snapshot()

    run("ip link add eth9 type bridge")

    assert len(before.differences(snapshot())) >= 1
    assert before.lists["ruleset"] == ("nft is not installed: the ruleset was not compared",)
