"""`podwire flows` on a real lab: connections with translation, as nodes track them."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from control.explain.flow_watch import FlowWatch
from dataplane.model.address import Family

pytestmark = pytest.mark.root


class Watching:
    """A command that watches. objects: what it printed, once it has ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.out = process, ""

    def so_far(self) -> str:
        """What it has printed until now; never waits."""
        assert self.process.stdout is not None
        while select.select([self.process.stdout], [], [], 0)[0]:
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                break
            self.out += data.decode()
        return self.out

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@contextmanager
def _watching(lab, *words: str) -> Iterator[Watching]:
    line = ["env", "--default-signal=INT", "podwire", "flows", "--name", lab.name, *words]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watching = Watching(process)
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.startswith("watching "), first + process.stderr.read()
        try:
            yield watching
        finally:
            process.send_signal(signal.SIGINT)
            watching.out += process.communicate(timeout=30)[0]
    assert process.returncode == 0


def test_a_connection_through_a_service_on_two_nodes_is_one_line_with_its_endpoint_and_counts(lab, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port=80, target=8080)
    here = lab.namespace

    with _watching(lab, "-o", "json", "--all") as seen:
        ann.get(door.url(family))

    mine = [each for each in seen.objects if each["asked"].endswith("]:80" if family is Family.V6 else ":80")]
    mine = [each for each in mine if each["from"] == f"{here}/ann" and each["service"] == f"{here}/door"]
    assert mine
    assert {each["source"] for each in mine} == {mine[0]["source"]}
    last = mine[-1]
    assert (last["to"], last["endpoint"]) == (f"Service {here}/door", f"{here}/shop")
    assert last["nodes"] == ["node-2", "node-1"]
    assert last["sent"]["packets"] >= 4
    assert last["back"]["bytes"] > 100


def test_what_was_there_before_is_in_the_table_with_its_age_and_state(lab):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")

    with ann.connect(shop.ip[Family.V4], 8080), _watching(lab) as seen:
        pass

    (row,) = [
        line for line in seen.out.splitlines() if f"{lab.namespace}/ann → {lab.namespace}/shop:8080" in line
    ]
    assert row.startswith("tcp ")
    assert "ESTABLISHED" in row
    assert row.endswith("node-2, node-1")


def test_live_tells_the_beginning_and_the_end(lab):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    way = f"{lab.namespace}/ann → {lab.namespace}/shop:8080"

    with _watching(lab, "--live") as seen:
        with ann.connect(shop.ip[Family.V4], 8080):
            lab.until(lambda: f"new     tcp  {way}" in seen.so_far(), what="it is told that it begins")
        lab.until(lambda: f"state   tcp  {way}  TIME_WAIT" in seen.so_far(), what="it is told that it ended")

    assert "[node-2, node-1]" in seen.out


def test_a_client_that_is_masqueraded_keeps_its_name(lab):
    shop = lab.pod("shop", node="node-1", listens=8080)
    door = lab.service("door", to=shop, port=80, target=8080, spec={"type": "NodePort"})
    node = lab.node("node-2")

    with _watching(lab, "-o", "json", "--all") as seen:
        lab.internet.connect(node.ip[Family.V4], door.node_port).close()

    (first, *_) = [each for each in seen.objects if each["service"] == f"{lab.namespace}/door"]
    assert (first["from"], first["endpoint"]) == ("internet", f"{lab.namespace}/shop")
    assert first["seenAs"] != first["source"]


def test_nothing_is_left_when_it_is_killed(lab):
    lab.pod("ann", node="node-2")
    with _watching_killed(lab):
        assert _listeners(lab)
    lab.until(lambda: not _listeners(lab), what="its sockets went with it")


@contextmanager
def _watching_killed(lab) -> Iterator[None]:
    line = ["podwire", "flows", "--name", lab.name]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("watching ")
        yield
        process.kill()


def _listeners(lab) -> list[str]:
    """Netlink sockets of node-1 that listen to connection tracking: groups 1 to 3 of NETLINK_NETFILTER."""
    lines = lab.node("node-1").run("cat", "/proc/net/netlink").splitlines()[1:]
    rows = (line.split() for line in lines)
    return [row[2] for row in rows if row[1] == "12" and int(row[3], 16) & 0b111]


def test_the_watch_hears_of_a_connection_at_once(lab):
    from control.explain.gather import gather

    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    watch = FlowWatch(gather(lab.directory))
    try:
        watch.take(0)
        with ann.connect(shop.ip[Family.V4], 8080) as made:
            port = made.getsockname()[1]
            heard = [flow for event, flow in watch.take(5) if flow.client.port == port]
            assert [flow.asked.port for flow in heard] == [8080]
        assert watch.lost == 0
    finally:
        watch.close()
