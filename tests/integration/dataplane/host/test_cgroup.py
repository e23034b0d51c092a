"""A lab's cgroup: entered, killed, removed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from dataplane.host.cgroup import LabCgroup, labs_with_cgroup

pytestmark = pytest.mark.root

LAB = f"tc{os.getpid() % 1_000_000}"


@pytest.fixture
def group() -> Iterator[LabCgroup]:
    made = LabCgroup(LAB)
    made.create()
    yield made
    made.kill()
    made.remove()


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "1000"])


def test_who_enters_is_counted_and_so_are_its_children(group):
    with subprocess.Popen(
        [sys.executable, "-c", "import os, time; os.read(0, 1); os.fork(); time.sleep(1000)"],
        stdin=subprocess.PIPE,
    ) as parent:
        group.enter("nodes/node-1/uid-1/web", parent.pid)
        assert group.pids() == (parent.pid,)
        assert parent.stdin is not None
        parent.stdin.write(b"x")
        parent.stdin.flush()
        while len(group.pids()) < 2:
            os.sched_yield()

        group.kill()

        assert group.pids() == ()
        assert parent.wait() == -signal.SIGKILL


def test_killing_ends_all_subgroups_and_waits_until_they_are_empty(group):
    sleepers = [sleeper() for _ in range(10)]
    for number, process in enumerate(sleepers):
        group.enter(f"nodes/node-{number % 3}/uid-{number}", process.pid)
    assert group.populated()

    group.kill()

    assert not group.populated()
    assert {process.wait() for process in sleepers} == {-signal.SIGKILL}


def test_killing_spares_the_caller(group):
    program = (
        "import sys; from dataplane.host.cgroup import LabCgroup\n"
        f"group = LabCgroup({LAB!r}); group.enter('exec'); group.kill(); print('alive', *group.pids())"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "alive\n"


def test_a_process_that_resists_every_other_signal_is_killed_even_when_frozen(group):
    process = sleeper()
    group.enter("roles", process.pid)
    (group.path / "cgroup.freeze").write_text("1")

    group.kill()

    assert process.wait() == -signal.SIGKILL


def test_it_is_listed_while_it_is_there_and_removing_it_twice_is_no_error(group):
    assert LAB in labs_with_cgroup()

    group.remove()
    group.remove()
    group.kill()

    assert LAB not in labs_with_cgroup()
    assert group.pids() == ()


def test_making_it_again_changes_nothing(group):
    process = sleeper()
    group.enter("roles", process.pid)

    group.create()

    assert group.pids() == (process.pid,)
    group.kill()
    process.wait()
