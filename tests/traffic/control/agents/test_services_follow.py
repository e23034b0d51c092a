"""Services follow their pods within a second, and a client that keeps connecting loses no request."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from control.testkit.lab import Lab
from control.testkit.place import Place, Service
from dataplane.model.address import Family

pytestmark = pytest.mark.root

FOLLOWS_S = 1.0


@dataclass
class Caller:
    """A client that never stops: one new connection a request. seen: pod → when it last answered."""

    place: Place
    url: str
    answers: int = 0
    failures: list[str] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                answer = self.place.get(self.url, timeout_s=3)
                if answer.status != 200:
                    self.failures.append(f"status {answer.status}")
                self.seen[json.loads(answer.text)["pod"]] = began
                self.answers += 1
            except (OSError, ValueError) as error:
                self.failures.append(f"{type(error).__name__}: {error}")

    def answering_since(self, moment: float) -> set[str]:
        return {pod for pod, when in dict(self.seen).items() if when > moment}


@contextmanager
def calling(place: Place, url: str) -> Iterator[Caller]:
    caller = Caller(place, url)
    thread = threading.Thread(target=caller.run)
    thread.start()
    try:
        yield caller
    finally:
        caller.stop.set()
        thread.join(10)


def deployment(lab: Lab, replicas: int) -> Service:
    lab.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {
                        "containers": [
                            {
                                "name": "server",
                                "image": "shop.example/web:1",
                                "ports": [{"containerPort": 8080}],
                                "readinessProbe": {
                                    "httpGet": {"path": "/", "port": 8080},
                                    "periodSeconds": 1,
                                },
                            }
                        ]
                    },
                },
            },
        }
    )
    service = lab.service("web", to={"app": "web"}, port=80, target=8080)
    lab.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    lab.until_programmed(service)
    return service


def ready_pods(lab: Lab) -> set[str]:
    rows = lab.kubectl(
        "get", "pods", "-l", "app=web", "-o",
        'jsonpath={range .items[*]}{.metadata.name} {.metadata.deletionTimestamp} '
        '{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}',
    )  # fmt: skip
    return {row.split()[0] for row in rows.splitlines() if row.split()[1:] == ["True"]}


def test_scaling_up_and_down_is_followed_and_no_request_is_lost(lab):
    service = deployment(lab, 2)
    client = lab.pod("client")
    with calling(client, service.url(Family.V4)) as caller:
        lab.kubectl("scale", "deployment/web", "--replicas=30")
        lab.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        everyone = ready_pods(lab)
        assert len(everyone) == 30
        ready_at = time.monotonic()
        lab.until(lambda: caller.answering_since(ready_at) == everyone, 20)
        lab.kubectl("scale", "deployment/web", "--replicas=2")
        lab.until(
            lambda: len(lab.endpoints("web")) == 2 * len(lab.families) and len(ready_pods(lab)) == 2, 20
        )
        gone_at = time.monotonic()
        lab.until(lambda: time.monotonic() > gone_at + FOLLOWS_S and caller.answers > 100, 10)
        assert caller.answering_since(gone_at + FOLLOWS_S) <= ready_pods(lab)
        lab.until(lambda: len(lab.kubectl("get", "pods", "-l", "app=web", "-o", "name").split()) == 2, 40)
    assert caller.failures == []


def test_a_nodes_pods_are_deleted_and_no_request_is_lost(lab):
    service = deployment(lab, 6)
    client = lab.pod("client", node="node-2")
    with calling(client, service.url(Family.V4)) as caller:
        before = ready_pods(lab)
        lab.kubectl(
            "delete", "pods", "-l", "app=web", "--field-selector", "spec.nodeName=node-1", "--wait=true"
        )
        lab.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        now = ready_pods(lab)
        assert now != before
        renewed_at = time.monotonic()
        lab.until(lambda: caller.answering_since(renewed_at) == now, 20)
    assert caller.failures == []


def test_a_broken_readiness_is_followed_within_a_second(lab):
    service = deployment(lab, 3)
    client = lab.pod("client")
    victim = min(ready_pods(lab))
    with calling(client, service.url(Family.V4)) as caller:
        lab.until(lambda: victim in caller.seen, 10)
        lab.kubectl("annotate", "pod", victim, "podwire.dev/ready=false")
        broken_at = time.monotonic()
        lab.until(lambda: time.monotonic() > broken_at + FOLLOWS_S + 1 and caller.answers > 50, 20)
        assert victim not in caller.answering_since(broken_at + FOLLOWS_S)
        lab.kubectl("annotate", "pod", victim, "podwire.dev/ready-")
        lab.until(lambda: victim in caller.answering_since(broken_at + FOLLOWS_S), 15)
    assert [failure for failure in caller.failures if failure != "status 503"] == []
    assert len(caller.failures) <= 50, "the 503s of a pod that says it is not ready end with its readiness"
