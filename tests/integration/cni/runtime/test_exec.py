"""Another's plugin as a process: where it runs, what it is told, and how long it may take."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cni.errors import TryAgain
from cni.runtime.exec import Plugins
from cni.spec.call import Call
from dataplane.netns import create

pytestmark = pytest.mark.root

NODE = f"podwire-tx{os.getpid() % 1_000_000}-node-1"


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    create.create(NODE)
    yield NODE
    create.delete(NODE)


@pytest.fixture
def plugins(node, tmp_path) -> Callable[..., Plugins]:
    def made(script: str, timeout_s: float = 10, lock: Path | None = None) -> Plugins:
        executable = tmp_path / "bridge"
        executable.write_text(f"#!/bin/sh\n{script}\n")
        executable.chmod(0o755)
        return Plugins(node, (str(tmp_path),), timeout_s, lock=lock)

    return made


def test_it_runs_in_the_nodes_namespace_and_is_told_all(plugins, node, tmp_path, monkeypatch):
    monkeypatch.setenv("CNI_IFNAME", "a runtime of ours was started by another")
    answered = plugins(
        'printf \'{"netns": "%s", "in": %s, "path": "%s", "ifname": "%s"}\''
        ' "$(stat -Lc %i /proc/self/ns/net)" "$(cat)" "$CNI_PATH" "$CNI_IFNAME"; echo chatter >&2'
    )("bridge", Call("DEL", "c1"), {"name": "net"})

    assert answered == {
        "netns": str(os.stat(f"/run/netns/{node}").st_ino),
        "in": {"name": "net"},
        "path": str(tmp_path),
        "ifname": "",
    }
    assert os.stat("/proc/thread-self/ns/net").st_ino != os.stat(f"/run/netns/{node}").st_ino


def test_after_its_time_it_is_ended_with_its_children(plugins, tmp_path):
    begun = time.monotonic()
    with pytest.raises(TryAgain, match=r"bridge: ADD took longer than 0\.3 s") as late:
        plugins(f"sleep 60 & echo $! > {tmp_path}/child; wait", 0.3)("bridge", Call("ADD"), {})

    assert time.monotonic() - begun < 10
    assert late.value.plugin == "bridge"
    child = Path("/proc") / (tmp_path / "child").read_text().strip() / "stat"
    deadline = time.monotonic() + 5
    while child.exists() and child.read_text().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < deadline, "its child lives on"
        time.sleep(0.01)


def test_an_input_that_it_does_not_read_is_no_error(plugins):
    big = {"filler": "x" * 1_000_000}
    assert plugins("echo '{}'")("bridge", Call("ADD"), big) == json.loads("{}")


def test_a_successor_can_wait_until_what_a_dead_runtime_began_has_ended(plugins, tmp_path):
    lock = tmp_path / "lock"
    assert plugins("echo '{}'", lock=lock).ended()
    # The child holds what the plugin inherited, as the plugin itself would after its runtime's death.
    plugins("sleep 0.5 >/dev/null 2>&1 & echo '{}'", lock=lock)("bridge", Call("ADD"), {})

    assert not plugins("", 0.05, lock).ended()
    assert plugins("", 10, lock).ended()
