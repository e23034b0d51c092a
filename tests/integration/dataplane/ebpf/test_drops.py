"""The helper on the running kernel: it tells of drops in the namespaces that it is to tell of, and ends with us."""

import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplane.ebpf.btf import Btf
from dataplane.ebpf.drops import OFF, DropWatch, KernelDrop
from dataplane.netns import syscalls

pytestmark = pytest.mark.root


@pytest.fixture
def watch() -> Iterator[DropWatch]:
    with DropWatch() as made:
        if why := made.why_missing():
            pytest.skip(f"no eBPF here: {why}")
        yield made


class _Inside:
    """A thread in a new namespace with loopback up, that waits for a word before it works."""

    def __init__(self, work) -> None:
        self._ready, self._go, self.inode = threading.Event(), threading.Event(), 0
        self._work = work
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._ready.wait()

    def go(self) -> None:
        self._go.set()
        self._thread.join()

    def _run(self) -> None:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.inode = os.stat("/proc/thread-self/ns/net").st_ino
        self._ready.set()
        self._go.wait()
        self._work()


def _sender(port: int, times: int = 1):
    def run() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            for _ in range(times):
                asking.sendto(b"anybody?", ("127.0.0.1", port))

    return run


def test_a_drop_is_told_with_place_reason_function_and_packet(watch):
    heard: list[KernelDrop] = []
    watch.heard = heard.append
    ours, others = _Inside(_sender(9)), _Inside(_sender(9))
    watch.follow([ours.inode])
    assert watch.flush()

    others.go()
    ours.go()
    assert watch.flush()

    (one,) = [drop for drop in heard if drop.reason == "NO_SOCKET"]
    assert (one.netns, one.link) == (ours.inode, "lo")
    assert one.where.startswith("__udp4_lib_rcv")
    assert one.packet[-8:] == b"anybody?"
    assert {drop.netns for drop in heard} == {ours.inode}


def test_a_mark_keeps_all_other_packets_out(watch):
    heard: list[KernelDrop] = []
    watch.heard = heard.append
    first, second = _Inside(_sender(9)), _Inside(_sender(10))
    watch.follow([first.inode, second.inode])
    watch.only(socket.IPPROTO_UDP, 10)
    assert watch.flush()

    first.go()
    second.go()
    assert watch.flush()

    # The answer, an ICMP error about the packet, is the packet's too.
    assert {drop.netns for drop in heard} == {second.inode}


def test_beyond_the_limit_drops_are_counted_not_told(watch):
    heard: list[KernelDrop] = []
    watch.heard = heard.append
    many = _Inside(_sender(9, times=2000))
    watch.follow([many.inode])
    watch.at_most(10)
    assert watch.flush()

    many.go()
    assert watch.flush()

    assert len(heard) < 2000
    assert len(heard) + watch.missed[many.inode] >= 2000


def test_reasons_come_from_this_kernels_own_list():
    names = set(Btf.of_kernel().enumeration("skb_drop_reason").values())
    assert {"SKB_DROP_REASON_NO_SOCKET", "SKB_DROP_REASON_NETFILTER_DROP"} <= names


def test_where_it_is_switched_off_it_says_so(monkeypatch):
    monkeypatch.setenv(OFF, "1")
    with DropWatch() as made:
        assert made.why_missing() == f"{OFF} is set"
        assert made.ended


def test_it_ends_with_its_maker_even_when_that_is_killed():
    code = (
        "import os, signal\nfrom dataplane.ebpf.drops import DropWatch\n"
        "watch = DropWatch()\nprint(watch._process.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    process = Path("/proc") / done.stdout.strip()
    descriptor = _pidfd(int(process.name))
    if descriptor >= 0:
        assert select.select([descriptor], [], [], 10)[0], "the helper outlived its maker"
        os.close(descriptor)


def _pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return -1
