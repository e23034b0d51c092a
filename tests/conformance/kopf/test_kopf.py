"""kopf: an operator with every sort of handler, killed in the middle of its work and started again. Ten seconds."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from control.client.resources import EVENTS, Resource
from control.testkit.kube_api import KubeApi

HERE = Path(__file__).parent
STORES = Resource("shop.example.com", "v1", "stores")
FINALIZER, LAST = "kopf.zalando.org/KopfFinalizerMarker", "kopf.zalando.org/last-handled-configuration"


@dataclass
class Operator:
    """`kopf run` of operator.py, as often as it is started."""

    home: Path
    environment: dict[str, str]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def journal(self) -> list[str]:
        """What its handlers wrote, of all its lives."""
        path = self.home / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def start(self) -> None:
        """Another life."""
        command = (sys.executable, "-m", "kopf", "run", "--standalone", "-n", "default", HERE / "operator.py")
        places = {"JOURNAL": str(self.home / "journal"), "GATE": str(self.home / "gate")}
        with (self.home / "log").open("ab") as log:
            environment = {**os.environ, **self.environment, **places}
            self.running.append(
                subprocess.Popen(list(map(str, command)), env=environment, stderr=log, stdout=log)
            )

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is taken back."""
        self.running[-1].kill()
        self.running[-1].wait()

    def open(self) -> None:
        """Let what waits go on."""
        (self.home / "gate").touch()

    def says(self, line: str, times: int = 1) -> Callable[[], bool]:
        """For ``until``: the line is in the journal so many times."""
        return lambda: self.journal.count(line) == times


@pytest.fixture
def operator(kube_api: KubeApi, tmp_path: Path) -> Iterator[Operator]:
    client = kube_api.client()
    client.apply_yaml(HERE / "store.yaml")
    kube_api.until(lambda: client.list(STORES, "default") == [], what="the definition is established")
    one = Operator(tmp_path, kube_api.environment)
    yield one
    for process in one.running:
        process.kill()
        process.wait()
    print(*one.journal, sep="\n")
    print("\n".join(line for line in (tmp_path / "log").read_text().splitlines() if "Timer" not in line))


def store(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "shop.example.com/v1",
        "kind": "Store",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


@pytest.mark.kube_api(controllers=False)
def test_an_operator_is_killed_in_the_middle(kube_api: KubeApi, operator: Operator) -> None:
    client, until = kube_api.client(), kube_api.until

    def get(name: str) -> dict[str, Any]:
        return client.get(STORES, name, "default")

    operator.start()
    client.create(store("a", size=2))
    until(operator.says("count a 2"), what="the first handler of the creation")
    until(lambda: "waits a 1" in operator.journal, what="the second one is tried again")
    assert get("a")["metadata"]["finalizers"] == [FINALIZER]
    assert get("a")["status"]["count"] == {"counted": 2}
    operator.kill()

    client.create(store("b"))
    assert LAST not in get("a")["metadata"]["annotations"]
    operator.start()
    until(operator.says("count b 1"), what="what was made while it was dead")
    operator.open()
    until(operator.says("opened a"), what="what was begun is finished")
    until(operator.says("opened b"))
    until(lambda: LAST in get("a")["metadata"]["annotations"] and LAST in get("b")["metadata"]["annotations"])
    assert operator.journal.count("count a 2") == 1, "what was done is not done again"

    client.patch(STORES, "a", "default", {"spec": {"size": 5}})
    until(operator.says("resize a 2 5"))
    ticks = until(lambda: get("a")["status"]["ticks"])
    until(lambda: get("a")["status"]["ticks"] > ticks + 1, what="the timer goes on")
    until(operator.says("guards a", 2))
    operator.kill()

    client.patch(STORES, "a", "default", {"spec": {"size": 6}})
    client.delete(STORES, "b", "default")
    assert get("b")["metadata"]["deletionTimestamp"], "the finalizer holds it"
    operator.start()
    until(operator.says("closed b"))
    until(lambda: client.find(STORES, "b", "default") is None, what="its finalizer is removed")
    until(operator.says("resize a 5 6"), what="the last handled state outlived the process")
    until(operator.says("resume a"))
    until(operator.says("guards a", 3))
    client.delete(STORES, "a", "default")
    until(operator.says("leaves a"))
    until(lambda: client.find(STORES, "a", "default") is None)
    assert operator.journal.count("closed a") == 1
    assert operator.running[-1].poll() is None
    told = {(event["reason"], event["message"]) for event in client.list(EVENTS, "default")}
    assert {("Resized", "from 2 to 5"), ("Resized", "from 5 to 6")} <= told
