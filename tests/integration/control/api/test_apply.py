"""Server-side apply where it is not of the whole object: status and scale; and wrong parameters of writes."""

from typing import Any

import orjson
import pytest

from control.client.client import ApiClient
from control.client.resources import CONFIGMAPS, DEPLOYMENTS
from control.errors import Conflict, Invalid
from tests.integration.control.api.objects import config

APPLY = "application/apply-patch+yaml"
PATH = f"{DEPLOYMENTS.path('default')}/web"


@pytest.fixture
async def web(client: ApiClient) -> dict[str, Any]:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return await client.create(DEPLOYMENTS, {"metadata": {"name": "web"}, "spec": spec}, "default")


async def apply(client: ApiClient, part: str, body: dict[str, Any], manager: str, **query: str) -> Any:
    answer = await client.request(
        "PATCH", f"{PATH}{part}", query={"fieldManager": manager, **query}, body=body, content_type=APPLY
    )
    return orjson.loads(answer)


def status(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "status": fields}


def scale(**spec: int) -> dict[str, Any]:
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}, "spec": spec}


def managers(obj: dict[str, Any]) -> dict[tuple[str, str], Any]:
    entries = obj["metadata"]["managedFields"]
    return {(one["manager"], one.get("subresource", "")): one["fieldsV1"] for one in entries}


async def test_status_is_applied_and_given_up_by_its_own_url(client: ApiClient, web: Any) -> None:
    obj = await apply(
        client, "/status", status(replicas=3, readyReplicas=2) | {"spec": {"replicas": 9}}, "me"
    )
    assert (obj["status"]["replicas"], obj["status"]["readyReplicas"], obj["spec"]["replicas"]) == (3, 2, 1)
    assert managers(obj)["me", "status"] == {"f:status": {"f:replicas": {}, "f:readyReplicas": {}}}

    obj = await apply(client, "/status", status(replicas=4), "me")
    assert obj["status"] == {"replicas": 4}
    # The same manager's apply of the object is another set of fields, and says nothing of status.
    obj = await apply(client, "", {**status(replicas=7), "spec": {"paused": True}}, "me")
    assert (obj["status"], obj["spec"]["paused"]) == ({"replicas": 4}, True)
    assert set(managers(obj)) >= {("me", ""), ("me", "status")}


async def test_scale_is_applied_and_its_replicas_are_owned(client: ApiClient, web: Any) -> None:
    with pytest.raises(Conflict) as refused:
        await apply(client, "/scale", scale(replicas=5), "scaler")
    assert ".spec.replicas" in str(refused.value)
    answer = await apply(client, "/scale", scale(replicas=5), "scaler", force="true")
    assert (answer["kind"], answer["spec"]) == ("Scale", {"replicas": 5})
    obj = await client.get(DEPLOYMENTS, "web", "default")
    assert managers(obj)["scaler", "scale"] == {"f:spec": {"f:replicas": {}}}
    assert obj["metadata"]["generation"] == 2

    same = await apply(client, "/scale", scale(replicas=5), "scaler")
    assert same["metadata"]["resourceVersion"] == answer["metadata"]["resourceVersion"]
    with pytest.raises(Invalid, match=r"spec\.replicas"):
        await apply(client, "/scale", scale(replicas=-1), "scaler")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'),
        ({"fieldManager": "m", "dryRun": "Some"}, 'PatchOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "Some": supported values: "All"'),
        ({"fieldManager": "m", "fieldValidation": "Hard"}, 'PatchOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Hard": supported values: "Ignore", "Strict", "Warn"'),
    ],
)  # fmt: skip
async def test_wrong_parameters_are_named(client: ApiClient, query: dict[str, str], said: str) -> None:
    path = f"{CONFIGMAPS.path('default')}/a"
    with pytest.raises(Invalid) as refused:
        await client.request("PATCH", path, query=query, body=config("a"), content_type=APPLY)
    assert str(refused.value) == said
