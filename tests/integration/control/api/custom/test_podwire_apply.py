"""podwire apply on custom kinds: where they are served, the API tells."""

from typing import Any

import pytest
import yaml

from control.client.client import ApiClient
from control.client.resources import CONFIGMAPS, CUSTOMRESOURCEDEFINITIONS
from control.errors import ManifestInvalid
from control.lab.apply import apply_all
from control.lab.manifests import Manifest
from tests.integration.control.api.custom.crontabs import CRONTABS, NAME, crontab, definition


def of(obj: dict[str, Any], path: str = "crontab.yaml") -> Manifest:
    return Manifest(path, 1, obj, yaml.compose(yaml.safe_dump(obj)))


def manifest(**spec: object) -> Manifest:
    return of(crontab(**spec))


async def test_a_custom_object_is_applied_twice_and_the_second_changes_nothing(crontabs: ApiClient) -> None:
    (first,) = await apply_all(crontabs, [manifest()], "default", lambda _: None)
    (second,) = await apply_all(crontabs, [manifest()], "default", lambda _: None)
    assert (first.outcome, second.outcome) == ("created", "unchanged")
    assert (await crontabs.get(CRONTABS, "a", "default"))["spec"]["replicas"] == 1


async def test_what_the_definition_forbids_is_told_with_its_file(crontabs: ApiClient) -> None:
    with pytest.raises(ManifestInvalid, match=r"crontab\.yaml.*spec\.replicas"):
        await apply_all(crontabs, [manifest(replicas=50)], "default", lambda _: None)


async def test_a_kind_that_nobody_defined_is_refused(client: ApiClient) -> None:
    with pytest.raises(ManifestInvalid, match=r"no kind 'CronTab' in 'stable\.example\.com/v1' is served"):
        await apply_all(client, [manifest()], "default", lambda _: None)


async def test_a_definition_and_its_objects_are_one_batch(client: ApiClient) -> None:
    batch = [of(definition()), manifest(), of({**crontab(), "metadata": {"name": "b", "namespace": "fresh"}})]
    batch.insert(0, of({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}}))

    first = await apply_all(client, batch, "default", lambda _: None)
    second = await apply_all(client, batch, "default", lambda _: None)

    assert [one.outcome for one in first] == ["created"] * 4
    assert [one.outcome for one in second] == ["unchanged"] * 4
    assert (await client.get(CRONTABS, "b", "fresh"))["spec"]["cronSpec"]


async def test_an_object_may_use_what_its_batch_adds_to_the_definition(crontabs: ApiClient) -> None:
    wider = definition()
    version = next(one for one in wider["spec"]["versions"] if one["name"] == "v1")
    version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["fresh"] = {"type": "string"}

    await apply_all(crontabs, [of(wider), manifest(fresh="yes")], "default", lambda _: None)

    assert (await crontabs.get(CRONTABS, "a", "default"))["spec"]["fresh"] == "yes"


async def test_what_a_fresh_definition_forbids_leaves_the_definition_alone_behind(client: ApiClient) -> None:
    settings = of({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}})
    with pytest.raises(ManifestInvalid, match=r"spec\.replicas") as refused:
        await apply_all(
            client, [of(definition()), settings, manifest(replicas=50)], "default", lambda _: None
        )
    assert "only the CustomResourceDefinitions were applied" in refused.value.mend
    assert await client.get(CUSTOMRESOURCEDEFINITIONS, NAME)
    assert "settings" not in {one["metadata"]["name"] for one in (await client.list(CONFIGMAPS)).items}


async def test_a_wrong_object_beside_a_definition_changes_nothing(client: ApiClient) -> None:
    wrong = of({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": 5})
    with pytest.raises(ManifestInvalid, match="data"):
        await apply_all(client, [of(definition()), wrong, manifest()], "default", lambda _: None)
    assert (await client.list(CUSTOMRESOURCEDEFINITIONS)).items == []
