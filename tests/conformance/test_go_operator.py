"""client-go 0.37 and controller-runtime 0.25 on `podwire api`, killed and started again under them.

About four minutes, nearly all of it the compiler's; with its cache filled, half a minute.
"""

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from control.client.resources import CONFIGMAPS, DEPLOYMENTS, SERVICES, Resource
from control.testkit.client import TestClient
from control.testkit.until import until
from tests.conformance.golang import built

SOURCE = Path(__file__).parent / "gooperator"
SITES = Resource("shop.example.com", "v1", "websites")
EVENTS = Resource("events.k8s.io", "v1", "events")
WITHIN_S = 60.0
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@dataclass
class Stage:
    """A kept API, the Go program, and what of both is running."""

    home: Path
    binary: Path
    port: int = 0
    api: "subprocess.Popen[str] | None" = None
    programs: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """Where the API keeps everything."""
        return self.home / "data"

    def serve(self) -> None:
        """Start the API on its directory, and on its port of before."""
        command = [sys.executable, "-I", "-m", "podwire", "api", "--fake-nodes", "1", "-o", "json"]
        command += ["--data", str(self.data), *(("--port", str(self.port)) if self.port else ())]
        self.api = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.api.stdout is not None
        self.port = json.loads(self.api.stdout.readline())["port"]

    def cut(self) -> None:
        """SIGKILL, and start again."""
        assert self.api is not None
        self.api.kill()
        self.api.wait()
        self.serve()

    def tls(self) -> ssl.SSLContext:
        """The admin's."""
        context = ssl.create_default_context(cafile=str(self.data / "pki" / "ca.crt"))
        context.load_cert_chain(self.data / "pki" / "admin.crt", self.data / "pki" / "admin.key")
        return context

    @property
    def client(self) -> TestClient:
        """A client of our own, to look from outside."""
        return TestClient(self.port, self.tls)

    def log(self, number: int) -> str:
        """What a program said, in the order of their starts."""
        return (self.home / f"program-{number}").read_text()

    def start(self, *words: str, **environment: str) -> int:
        """Start the Go program; its number."""
        number = len(self.programs)
        with (self.home / f"program-{number}").open("w") as log:
            self.programs.append(
                subprocess.Popen(
                    [str(self.binary), *words],
                    env={**os.environ, "KUBECONFIG": str(self.data / "kubeconfig"), **environment},
                    stdin=subprocess.PIPE, stdout=log, stderr=log, text=True,
                )
            )  # fmt: skip
        return number

    def run(self, *words: str, **environment: str) -> str:
        """The same to its end, which must be good."""
        number = self.start(*words, **environment)
        return self.ended(number)

    def ended(self, number: int) -> str:
        """What a program said that ended well."""
        program = self.programs[number]
        code = program.wait(WITHIN_S)
        said = self.log(number)
        assert code == 0, said
        assert "OK" in said.splitlines(), said
        return said

    def hears(self, number: int, line: str) -> None:
        """Wait for a line."""
        until(lambda: line in self.log(number).splitlines(), WITHIN_S, what=f"program {number}: {line}")


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(SOURCE, tmp_path_factory.mktemp("go") / "gooperator")


@pytest.fixture
def stage(binary: Path, tmp_path: Path) -> Iterator[Stage]:
    one = Stage(tmp_path, binary)
    one.serve()
    yield one
    for process in (*one.programs, one.api):
        if process is not None:
            process.kill()
            process.wait()
    for number in range(len(one.programs)):
        print(f"--- program {number}", one.log(number)[-6000:], sep="\n")


def test_envtest_installs_uses_and_removes_a_definition(stage: Stage) -> None:
    assert "envtest: started, used, stopped" in stage.run("envtest", str(SOURCE / "crds"))


@pytest.mark.parametrize("accepts", ["protobuf and JSON", "CBOR, too"])
def test_every_verb_with_and_without_types(stage: Stage, accepts: str) -> None:
    stage.client.apply_yaml(SOURCE / "crds" / "shop.example.com_websites.yaml")
    gate = {"KUBE_FEATURE_ClientsAllowCBOR": "true"} if accepts == "CBOR, too" else {}
    said = stage.run("verbs", **gate)
    assert len([line for line in said.splitlines() if "kind" in line]) == 3


def test_informers_and_a_lease_outlive_the_api(stage: Stage) -> None:
    stage.client.apply_yaml(SOURCE / "crds" / "shop.example.com_websites.yaml")
    following = stage.start("follow")
    stage.hears(following, "wrote 50")
    for wrote in (100, 150, 200):
        stage.cut()
        stage.hears(following, f"wrote {wrote}")
    stdin = stage.programs[following].stdin
    assert stdin is not None
    stdin.write("end\n")
    stdin.close()
    (last,) = [line.split() for line in stage.ended(following).splitlines() if "acknowledged" in line]
    acknowledged, streamed, plain = (int(word) for word in last[1::2])
    assert acknowledged >= 200
    assert streamed >= 2
    assert plain == 0, "informers never fell back to lists of the old sort"


def site(name: str, replicas: int) -> dict[str, Any]:
    spec = {"image": "nginx:1", "replicas": replicas}
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "shop.example.com/v1", "kind": "Website", "metadata": meta, "spec": spec}


def ready(stage: Stage, name: str, replicas: int) -> None:
    """Wait until a site's status tells of its pods, whatever the API is doing."""

    def so() -> bool:
        got = stage.client.get(SITES, name, "default")
        status = got.get("status", {})
        conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
        return (status.get("observedGeneration"), status.get("ready", 0), conditions.get("Ready")) == (
            got["metadata"]["generation"], replicas, "True",
        )  # fmt: skip

    until(so, WITHIN_S, what=f"{name} has {replicas}")


def gone(stage: Stage, resource: Resource, name: str) -> None:
    until(lambda: stage.client.find(resource, name, "default") is None, WITHIN_S, what=f"{name} goes")


def test_an_operator_goes_on_through_its_own_death_and_the_apis(stage: Stage) -> None:
    stage.client.apply_yaml(SOURCE / "crds" / "shop.example.com_websites.yaml")
    first = stage.start("operate")
    stage.hears(first, "elected")
    for name in ("one", "two"):
        stage.client.create(site(name, 2))
        ready(stage, name, 2)
    made = stage.client.get(DEPLOYMENTS, "one", "default")
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Website", "one", True)
    assert stage.client.get(SITES, "one", "default")["metadata"]["finalizers"] == [
        "shop.example.com/farewell"
    ]

    stage.cut()
    stage.client.patch(SITES, "one", "default", {"spec": {"replicas": 3}})
    ready(stage, "one", 3)
    assert stage.programs[first].poll() is None, "the manager outlived the API's death"

    stage.programs[first].kill()
    stage.programs[first].wait()
    stage.client.delete(SITES, "two", "default")
    assert stage.client.get(SITES, "two", "default")["metadata"]["deletionTimestamp"]
    stage.client.delete(SERVICES, "one", "default")
    stage.client.patch(SITES, "one", "default", {"spec": {"image": "nginx:2"}})
    began = time.monotonic()
    second = stage.start("operate")
    stage.hears(second, "elected")
    print(f"elected after {time.monotonic() - began:.1f} s; the lease was of 8")
    for resource in (SITES, DEPLOYMENTS, SERVICES):
        gone(stage, resource, "two")
    assert stage.client.get(CONFIGMAPS, "farewell-two", "default")
    until(lambda: stage.client.get(SERVICES, "one", "default"), WITHIN_S, what="the Service is made again")
    ready(stage, "one", 3)
    template = stage.client.get(DEPLOYMENTS, "one", "default")["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "nginx:2"
    told = [(one["reason"], one["regarding"]["name"]) for one in stage.client.list(EVENTS, "default")]
    assert {("Created", "one"), ("Created", "two")} <= set(told)
    stage.client.delete(SITES, "one", "default")
    gone(stage, DEPLOYMENTS, "one")
    stage.programs[second].terminate()
    stage.ended(second)
