"""What an owner deposited outlives its SIGKILL, and its orphans' ends are told to the next owner."""

import os
import select
import signal
from collections.abc import Callable

import pytest

from control.lab.process import adopt_orphans
from control.workload.descriptor_store import Deposits, DescriptorStore


def owner(store: DescriptorStore, work: Callable[[Deposits], None]) -> int:
    """Fork an owner that does its work and then waits to be killed; returns once it is done with the work."""
    done, says = os.pipe()
    store.open()
    pid = os.fork()
    if pid == 0:
        try:
            work(store.deposits())
            os.write(says, b"done")
            signal.pause()
        finally:
            os._exit(1)
    store.forked()
    os.close(says)
    assert os.read(done, 4) == b"done"
    os.close(done)
    return pid


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.fixture
def words() -> tuple[int, int]:
    return os.pipe()


def test_a_pipe_stays_open_and_full_when_its_owner_is_killed(words):
    read, write = words
    store = DescriptorStore()

    def first(deposits: Deposits) -> None:
        inner, end = os.pipe()
        os.write(end, b"not lost")
        deposits.put("a", "text", [inner])
        deposits.put("b", "gone", [inner])
        deposits.drop("b")

    def second(deposits: Deposits) -> None:
        kept = deposits.found["a"]
        os.write(write, f"{sorted(deposits.found)} {kept.text} {os.read(kept.descriptors[0], 99)}".encode())

    kill(owner(store, first))
    kill(owner(store, second))
    assert os.read(read, 999) == b"['a'] text b'not lost'"
    store.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_orphan_s_end_reaches_the_next_owner_whenever_it_comes(words, when):
    read, write = words
    held, release = os.pipe()
    adopt_orphans()
    store = DescriptorStore()

    def first(deposits: Deposits) -> None:
        pid = os.fork()
        if pid == 0:
            os.close(release)
            os.read(held, 1)
            os._exit(7)
        deposits.put("child", str(pid), [os.pidfd_open(pid)], pid)
        os.close(release)

    def second(deposits: Deposits) -> None:
        os.write(write, repr((deposits.found["child"].status, bool(deposits.found["child"].text))).encode())
        if deposits.found["child"].status is None:
            select.select([deposits.channel], [], [], 20)
            os.write(write, f" then {deposits.hear()}".encode())

    kill(owner(store, first))
    if when == "before":
        os.close(release)
        store.ended(*os.waitpid(-1, 0))
        kill(owner(store, second))
        assert os.read(read, 999) == repr((7 << 8, True)).encode()
        store.close()
        return
    store.open()
    pid = os.fork()
    if pid == 0:
        os.close(release)
        second(store.deposits())
        os._exit(0)
    store.forked()
    os.close(release)
    orphan = os.waitpid(-1, 0)
    store.ended(*orphan)
    os.waitpid(pid, 0)
    assert os.read(read, 999) == b"(None, True) then [('child', 1792)]"
    store.close()


def test_another_child_keeps_nothing_of_it(words):
    read, write = words
    store = DescriptorStore()

    def first(deposits: Deposits) -> None:
        inner, _end = os.pipe()
        deposits.put("a", "", [inner])

    kill(owner(store, first))
    store.hear()
    pid = os.fork()
    if pid == 0:
        before = len(os.listdir("/proc/self/fd"))
        store.close()
        os.write(write, str(before - len(os.listdir("/proc/self/fd"))).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 99) == b"1"  # the pipe; the owner's channel went with it
    store.close()
