"""PUT of an object that is not there: made for the kinds of which upstream makes it, 404 for all others."""

import asyncio
from typing import Any

import aiohttp
import orjson
import pytest

from control.client.client import ApiClient
from control.client.resources import LEASES, SERVICES
from control.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound
from tests.integration.control.api.conftest import Served

SPACE = "/namespaces/default"
LEASE = {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}}
ABOUT = {"involvedObject": {"kind": "Pod", "namespace": "default", "name": "a"}, "reason": "Seen"}
ROLE_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def named(name: str, **rest: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **rest}


@pytest.mark.parametrize(
    ("place", "body"),
    [
        (f"/apis/coordination.k8s.io/v1{SPACE}/leases", LEASE),
        (f"/api/v1{SPACE}/events", ABOUT),
        (f"/api/v1{SPACE}/endpoints", {}),
        (f"/api/v1{SPACE}/limitranges", {"spec": {"limits": []}}),
        (f"/api/v1{SPACE}/services", {"spec": {"ports": [{"port": 80}]}}),
        (f"{RBAC}{SPACE}/roles", {"rules": []}),
        (f"{RBAC}{SPACE}/rolebindings", {"roleRef": ROLE_REF}),
        (f"{RBAC}/clusterroles", {"rules": []}),
        (f"{RBAC}/clusterrolebindings", {"roleRef": ROLE_REF}),
        ("/apis/node.k8s.io/v1/runtimeclasses", {"handler": "other"}),
    ],
)
async def test_these_are_made(served: Served, place: str, body: dict[str, Any]) -> None:
    connector = aiohttp.TCPConnector(ssl=served.context())
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(served.url, connector=connector, headers=headers) as session:
        path, said = f"{place}/fresh", []
        for _ in range(2):
            async with session.put(path, data=orjson.dumps(named("fresh", **body))) as answer:
                said.append((answer.status, orjson.loads(await answer.read())))
    assert [status for status, _ in said] == [201, 200], said
    first, second = (obj["metadata"] for _, obj in said)
    assert len(first["uid"]) == 36
    assert first["uid"] == second["uid"]


async def put(client: ApiClient, place: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    obj: dict[str, Any] = orjson.loads(await client.request("PUT", f"{place}/{name}", body=body))
    return obj


@pytest.mark.parametrize(
    ("place", "body"),
    [
        (f"/api/v1{SPACE}/configmaps/absent", {}),
        (f"/api/v1{SPACE}/pods/absent", {"spec": {"containers": [{"name": "a", "image": "x"}]}}),
        (f"/apis/discovery.k8s.io/v1{SPACE}/endpointslices/absent", {"addressType": "IPv4", "endpoints": []}),
        (f"/apis/policy/v1{SPACE}/poddisruptionbudgets/absent", {"spec": {}}),
        ("/apis/scheduling.k8s.io/v1/priorityclasses/absent", {"value": 1}),
        (f"/api/v1{SPACE}/services/absent/status", {}),
    ],
)
async def test_these_are_not(client: ApiClient, place: str, body: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match="not found"):
        await client.request("PUT", place, body=named("absent", **body))


async def test_what_is_made_is_checked_and_named_by_the_url(client: ApiClient) -> None:
    leases = f"/apis/coordination.k8s.io/v1{SPACE}/leases"
    made = await put(client, leases, "own", {"metadata": {"resourceVersion": "7"}, **LEASE})
    assert (made["metadata"]["name"], made["metadata"]["namespace"]) == ("own", "default")
    assert await client.get(LEASES, "own", "default") == made
    with pytest.raises(BadRequest, match="does not match the name on the URL"):
        await put(client, leases, "a", named("b", **LEASE))
    gone = {"metadata": {"name": "a", "uid": "11111111-1111-1111-1111-111111111111"}, **LEASE}
    with pytest.raises(Conflict, match="UID in precondition: 1111"):
        await put(client, leases, "a", gone)
    with pytest.raises(Invalid, match=r"spec\.ports"):
        await put(client, f"/api/v1{SPACE}/services", "web", named("web", spec={}))
    with pytest.raises((NotFound, Forbidden), match="none"):
        await put(client, "/apis/coordination.k8s.io/v1/namespaces/none/leases", "a", named("a", **LEASE))
    dry = await client.request("PUT", f"{leases}/dry", body=named("dry", **LEASE), query={"dryRun": "All"})
    assert orjson.loads(dry)["metadata"]["name"] == "dry"
    with pytest.raises(NotFound):
        await client.get(LEASES, "dry", "default")


async def test_of_many_at_once_one_makes_it_and_the_others_update(client: ApiClient) -> None:
    services = f"/api/v1{SPACE}/services"
    bodies = [named("web", spec={"ports": [{"port": 80 + n}]}) for n in range(6)]
    answers = await asyncio.gather(*(put(client, services, "web", body) for body in bodies))

    assert len({one["metadata"]["uid"] for one in answers}) == 1
    [kept] = [
        one for one in (await client.list(SERVICES, "default")).items if one["metadata"]["name"] == "web"
    ]
    assert kept in answers
