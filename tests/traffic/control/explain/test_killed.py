"""Whenever a watching command is killed, nothing of it stays: no helper, program, table, or socket that listens."""

import subprocess
from pathlib import Path

import pytest

from dataplane.observe.marking import PREFIX

pytestmark = pytest.mark.root

_NETFILTER, _CONNTRACK, _NFTRACE = "12", 0b111, 1 << 8  # NETLINK_NETFILTER; NFNLGRP_ 1 to 3, and 9
_HELPER = b"/ebpf/tell_drops.py"


@pytest.mark.parametrize("moment_s", [0.05, 0.2, 0.4, 0.7, 1.1, 1.6])
@pytest.mark.parametrize(
    "words",
    [
        ("trace", "{here}/ann", "10.0.1.{nobody}:80", "--timeout", "30"),
        ("drops", "--live"),
        ("flows", "--live"),
    ],
)
def test_nothing_stays_of_a_command_that_is_killed_at_any_moment(lab, words, moment_s):
    lab.pod("ann", node="node-2")
    # An address that nobody asked for yet: for three seconds the kernel looks for its owner.
    nobody = 100 + int(moment_s * 20)
    command, *rest = (word.format(here=lab.namespace, nobody=nobody) for word in words)
    line = ["podwire", command, "--name", lab.name, *rest]

    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            running.wait(moment_s)
        except subprocess.TimeoutExpired:
            running.kill()

    assert running.returncode == -9, "it ended before it could be killed"
    lab.until(lambda: not _left(lab, running.pid), what=f"all of it is gone: {_left(lab, running.pid)}")


def _left(lab, parent: int) -> list[str]:
    """What is there of a command, as text."""
    found = [f"process {pid}" for pid in _helpers(parent)]
    for node in lab.nodes:
        found += [
            f"{node.name}: {line}" for line in node.run("nft", "list tables").splitlines() if PREFIX in line
        ]
        rows = (line.split() for line in node.run("cat", "/proc/net/netlink").splitlines()[1:])
        found += [
            f"{node.name}: netlink groups {row[3]}"
            for row in rows
            if row[1] == _NETFILTER and int(row[3], 16) & (_CONNTRACK | _NFTRACE)
        ]
    return found


def _helpers(parent: int) -> list[int]:
    """Helpers that a process made. Each holds its program by a descriptor: without it there is none."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdecimal() else []
        except OSError:
            continue
        if any(word.endswith(_HELPER) for word in words) and str(parent).encode() in words:
            found.append(int(entry.name))
    return found
