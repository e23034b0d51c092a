"""`kube_api`: each test has a Kubernetes API of its own, whatever the test before it did and left running."""

import http.client
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kr8s
import kubernetes
import kubernetes_asyncio
import lightkube
import pytest
from lightkube.resources.core_v1 import ConfigMap

from control.client.resources import CONFIGMAPS, DEPLOYMENTS, NODES, PODS
from control.testkit.kube_api import KubeApi, Nursery
from control.testkit.until import until

LIMIT_S = 30
CONFIG: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "same"}}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "same"},
    "spec": {"containers": [{"name": "main", "image": "shop/web:1"}]},
}


@pytest.mark.parametrize("time", ["first", "second", "third"])
def test_each_test_makes_the_same_object_anew(kube_api: KubeApi, time: str) -> None:
    client = kube_api.client()
    assert client.find(CONFIGMAPS, "same", "default") is None, time
    client.create(CONFIG, "default")


@pytest.mark.parametrize("time", ["first", "second"])
async def test_asynchronous_tests_too(kube_api: KubeApi, time: str) -> None:
    async with kube_api.async_client() as client:
        assert all(one["metadata"]["name"] != "same" for one in (await client.list(CONFIGMAPS)).items), time
        await client.create(CONFIGMAPS, CONFIG, "default")
        events = client.watch(CONFIGMAPS, namespace="default", initial=True)
        names = [event.object["metadata"]["name"] async for event in _first(events, "same")]
        assert names[-1] == "same"


async def _first(events: Any, name: str) -> Any:
    """Events up to the one of an object of that name."""
    async for event in events:
        yield event
        if event.object["metadata"].get("name") == name:
            break
    await events.aclose()


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


def _watch(api: KubeApi) -> http.client.HTTPResponse:
    """A watch of all ConfigMaps that has begun, with a connection that nobody closes."""
    connection = http.client.HTTPSConnection("127.0.0.1", api.port, context=api.tls(), timeout=LIMIT_S)
    connection.request(
        "GET", "/api/v1/configmaps?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"
    )
    return connection.getresponse()


def test_a_watch_that_a_test_left_running_breaks_off_and_its_client_is_a_stranger_to_the_next(
    nursery: Nursery,
) -> None:
    from control.alone.options import AloneOptions

    former = nursery.make(AloneOptions())
    former_tls = former.tls()
    watch = _watch(former)
    former.client().create(CONFIG, "default")
    assert b'"name":"same"' in watch.readline()
    nursery.end(former)
    later = nursery.make(AloneOptions())
    later.client().create({**CONFIG, "metadata": {"name": "later"}}, "default")

    try:
        rest = watch.read()
    except (http.client.IncompleteRead, ConnectionResetError) as broken:
        rest = getattr(broken, "partial", b"")
    assert b"later" not in rest
    assert not Path(f"/proc/{former.pid}").exists()
    assert not former.kubeconfig.parent.exists()
    # Even on the very port: certificates are each API's own.
    stranger = http.client.HTTPSConnection("127.0.0.1", later.port, context=former_tls, timeout=LIMIT_S)
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.request("GET", "/api/v1/configmaps")


@pytest.mark.kube_api(nodes=2)
def test_with_nodes_a_deployment_becomes_available(kube_api: KubeApi) -> None:
    client = kube_api.client()
    assert len(client.list(NODES)) == 2
    web = """
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 2
      selector: {matchLabels: {app: web}}
      template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main, image: "shop/web:1"}]}}
    """
    client.apply_yaml(web)
    until(
        lambda: client.get(DEPLOYMENTS, "web", "default")["status"].get("availableReplicas") == 2,
        LIMIT_S,
        what="two replicas are available",
    )


@pytest.mark.kube_api(nodes=1, kubelet=False)
def test_without_a_kubelet_a_pod_is_placed_and_stays_as_it_is(kube_api: KubeApi) -> None:
    client = kube_api.client()
    client.create(POD, "default")
    until(
        lambda: client.get(PODS, "same", "default")["spec"].get("nodeName") == "fake-1",
        LIMIT_S,
        what="placed",
    )
    assert client.get(PODS, "same", "default")["status"]["phase"] == "Pending"


@pytest.mark.kube_api(controllers=False)
def test_without_controllers_nothing_acts(kube_api: KubeApi) -> None:
    client = kube_api.client()
    client.create(POD, "default")
    assert client.list(NODES) == []
    assert [one["metadata"]["name"] for one in client.list(CONFIGMAPS)] == []


def test_the_official_client_takes_its_config(kube_api: KubeApi) -> None:
    with kubernetes.config.new_client_from_config_dict(kube_api.config) as client:
        core = kubernetes.client.CoreV1Api(client)
        core.create_namespaced_config_map("default", CONFIG)
        assert core.read_namespaced_config_map("same", "default").metadata.name == "same"


async def test_its_asynchronous_sister_too(kube_api: KubeApi) -> None:
    client = await kubernetes_asyncio.config.new_client_from_config_dict(kube_api.config)
    async with client:
        core = kubernetes_asyncio.client.CoreV1Api(client)
        await core.create_namespaced_config_map("default", CONFIG)
        assert (await core.read_namespaced_config_map("same", "default")).metadata.name == "same"


def test_lightkube_takes_its_config(kube_api: KubeApi) -> None:
    client = lightkube.Client(config=lightkube.KubeConfig.from_dict(kube_api.config))
    client.create(ConfigMap.from_dict(CONFIG), namespace="default")
    assert client.get(ConfigMap, "same", namespace="default").metadata.name == "same"


async def test_kr8s_takes_its_kubeconfig(kube_api: KubeApi) -> None:
    api = await kr8s.asyncio.api(kubeconfig=str(kube_api.kubeconfig))
    await kr8s.asyncio.objects.ConfigMap(
        {**CONFIG, "data": {"a": "b"}}, namespace="default", api=api
    ).create()
    found = await kr8s.asyncio.objects.ConfigMap.get("same", namespace="default", api=api)
    assert found.data.a == "b"


def _pytest(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_theirs.py").write_text(test)
    command = [sys.executable, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)]
    environment = {**os.environ, "TMPDIR": str(folder)}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120, env=environment
    )


_MANY = """
import pytest
from control.client.resources import CONFIGMAPS

@pytest.mark.parametrize("number", range(12))
def test_theirs(kube_api, number):
    client = kube_api.client()
    client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "same"}}, "default")
    names = {one["metadata"]["name"] for one in client.list(CONFIGMAPS, "default")}
    assert names <= {"same", "kube-root-ca.crt"}
"""


def test_workers_of_xdist_have_their_own(tmp_path: Path) -> None:
    done = _pytest(tmp_path, _MANY, "-n", "2")
    assert "12 passed" in done.stdout, done.stdout
    assert not list(tmp_path.glob("podwire-api-*"))


@pytest.mark.parametrize(
    ("mark", "said"), [("nodes='two'", "nodes is 'two'"), ("speed=9", "speed"), ("True", "takes names")]
)
def test_a_marker_that_asks_for_what_can_not_be_says_so(tmp_path: Path, mark: str, said: str) -> None:
    test = f"import pytest\n@pytest.mark.kube_api({mark})\ndef test_theirs(kube_api):\n    pass\n"
    done = _pytest(tmp_path, test, "--strict-markers")
    assert done.returncode == 1
    assert said in done.stdout
    assert "pytest.mark.kube_api(controllers=True" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


_HANGS = """
import time

def test_theirs(kube_api):
    print(kube_api.pid, flush=True)
    time.sleep(1000)
"""


def test_nothing_outlives_a_test_run_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(_HANGS)
    command = (
        sys.executable,
        "-I",
        "-m",
        "pytest",
        "-q",
        "-s",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        tmp_path,
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen((*command, tmp_path), stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        api = next(int(line) for line in run.stdout if line.strip().isdigit())
        run.send_signal(signal.SIGKILL)
    gone = Path(f"/proc/{api}/root")  # of a process that waits to be buried there is no root
    until(lambda: not gone.exists(), LIMIT_S, what="the API is gone")
    until(lambda: not list(tmp_path.glob("podwire-api-*")), LIMIT_S, what="its directory, too")
