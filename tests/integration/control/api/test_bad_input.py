"""Whatever a client sends, the answer is never the server's own failure."""

import base64
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import orjson
import pytest

from control.client.client import ApiClient
from control.client.resources import CONFIGMAPS, PODS
from tests.integration.control.api.conftest import Served
from tests.integration.control.api.objects import config, deployment, pod
from tests.integration.control.api.seeds import APPS, CORE, SPACE, seeds

PATCH = "application/{}+{}"
Ask = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]


@pytest.fixture
async def ask(served: Served, client: ApiClient) -> AsyncIterator[Ask]:
    """``status, answer = await ask(method, path, body, content type)`` with an admin's certificate."""
    connector = aiohttp.TCPConnector(ssl=served.context())
    async with aiohttp.ClientSession(served.url, connector=connector) as session:

        async def one(
            method: str, path: str, body: Any = b"", content: str = "application/json"
        ) -> tuple[int, dict[str, Any]]:
            data = body if isinstance(body, bytes) else orjson.dumps(body)
            headers = {"Content-Type": content}
            async with session.request(method, path, data=data, headers=headers) as answer:
                return answer.status, orjson.loads(await answer.read())

        yield one


def limited(cpu: Any) -> dict[str, Any]:
    return pod("q", containers=[{"name": "a", "image": "x", "resources": {"limits": {"cpu": cpu}}}])


@pytest.mark.parametrize(
    "body",
    [
        pod("a", containers=[None]),
        pod("a", tolerations=[None], hostAliases=[None, 5]),
        pod("a", containers=[{"name": "a", "image": "x", "command": [None], "env": [None]}]),
        pod("a", volumes=[{"name": "v", "projected": {"sources": [None]}}]),
        pod("a") | {"metadata": [1]},
        pod("a") | {"metadata": {"name": "a", "managedFields": [5, {"fieldsV1": {"f:spec": 3}}]}},
        pod("a") | {"metadata": {"name": 5}},
        pod("a") | {"metadata": {"name": "a", "ownerReferences": [None], "finalizers": [None]}},
        pod("a") | {"kind": [5]},
        pod("a") | {"spec": None},
        limited("1e99999999"),
        limited("1e-99999999"),
        limited("9" * 5000),
        limited("1e20"),
        limited("-1e30"),
        limited(1e300),
    ],
    ids=range(16),
)
async def test_a_pod_that_is_none_is_refused_or_made_whole(ask: Ask, body: dict[str, Any]) -> None:
    status, answer = await ask("POST", f"{CORE}/pods", body)

    assert status in (201, 400, 409, 422), answer


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"template": {"spec": {"containers": [5]}}}},
        {"spec": {"template": {"spec": {"containers": [{"name": [1]}]}}}},
        {"spec": {"template": {"spec": {"containers": [None]}}}},
        {"spec": {"template": {"spec": {"containers": [{"name": "x", "ports": [{"containerPort": [3]}]}]}}}},
        {"metadata": {"labels": 5}},
        {"metadata": 5},
        {"metadata": {"finalizers": [[1]]}},
        {"spec": 7},
        {"kind": 7},
    ],
)
async def test_an_apply_of_wrong_types_is_refused(ask: Ask, patch: dict[str, Any]) -> None:
    await ask("POST", f"{APPS}/deployments", deployment("web"))

    for name in ("web", "fresh"):
        path = f"{APPS}/deployments/{name}?fieldManager=me"
        status, answer = await ask("PATCH", path, patch, PATCH.format("apply-patch", "yaml"))
        assert status in (400, 422), answer


@pytest.mark.parametrize(
    "spec",
    [
        {"$setElementOrder/containers": 5, "containers": [{"name": "main", "image": "y"}]},
        {"$setElementOrder/containers": [5, None], "containers": [{"name": "main", "image": "y"}]},
        {"$retainKeys": 5, "nodeName": "x"},
        {"$deleteFromPrimitiveList/x": 5},
        {"containers": [{"$patch": 5, "name": "main"}]},
        {"containers": [{"name": ["main"]}]},
        {"containers": [{"name": "main", "$deleteFromPrimitiveList/command": 5, "command": ["a"]}]},
        {"$patch": ["replace"]},
    ],
)
async def test_a_strategic_patch_with_wrong_directives_is_refused(ask: Ask, spec: dict[str, Any]) -> None:
    await ask("POST", f"{CORE}/pods", pod("web"))

    kind = PATCH.format("strategic-merge-patch", "json")
    status, answer = await ask("PATCH", f"{CORE}/pods/web", {"spec": spec}, kind)

    assert status in (200, 400, 422), answer


async def test_a_patch_can_not_nest_without_end(ask: Ask) -> None:
    await ask("POST", f"{CORE}/configmaps", config("deep"))
    deep = b'{"data": ' + b'{"a":' * 400 + b"5" + b"}" * 400 + b"}"

    for kind in ("merge-patch", "strategic-merge-patch"):
        status, answer = await ask("PATCH", f"{CORE}/configmaps/deep", deep, PATCH.format(kind, "json"))
        assert status == 400, answer
    status, answer = await ask("POST", f"{CORE}/configmaps", deep)
    assert status == 400, answer
    half = orjson.loads(b'{"a":' * 150 + b"5" + b"}" * 150)
    raw = {"metadata": {"name": "raw"}, "data": half}
    assert (await ask("POST", f"/apis/apps/v1/{SPACE}/controllerrevisions", raw | {"revision": 1}))[0] == 201
    step = {"op": "add", "path": "/data" + "/a" * 149, "value": half}
    path = f"/apis/apps/v1/{SPACE}/controllerrevisions/raw"
    status, answer = await ask("PATCH", path, [step], PATCH.format("json-patch", "json"))
    assert status in (400, 422), answer


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("pods/web/eviction", {"deleteOptions": "x"}),
        ("pods/web/eviction", {"deleteOptions": {"preconditions": [1]}}),
        ("pods/web/binding", {"target": [1]}),
        ("pods/web/binding", {"target": {"name": "n"}, "metadata": [1]}),
        ("pods/web/binding", {"target": {"name": ["n"]}}),
        ("serviceaccounts/default/token", {"spec": [1]}),
        ("serviceaccounts/default/token", {"spec": {"expirationSeconds": "z"}}),
        ("serviceaccounts/default/token", {"spec": {"expirationSeconds": 10**17}}),
        ("serviceaccounts/default/token", {"spec": {"boundObjectRef": [1]}}),
        ("serviceaccounts/default/token", {"spec": {"boundObjectRef": {"kind": "Pod", "name": [1]}}}),
        ("serviceaccounts/default/token", {"spec": {"audiences": 5}}),
    ],
)
async def test_a_subresource_refuses_a_body_of_wrong_types(ask: Ask, path: str, body: dict[str, Any]) -> None:
    await ask("POST", f"{CORE}/pods", pod("web"))

    status, answer = await ask("POST", f"{CORE}/{path}", body)

    assert status in (400, 422), answer


@pytest.mark.parametrize(
    ("group", "kind"),
    [
        ("authentication", "TokenReview"),
        ("authorization", "SubjectAccessReview"),
        ("authorization", "SelfSubjectAccessReview"),
        ("authorization", "SelfSubjectRulesReview"),
    ],
)
async def test_a_review_refuses_a_body_of_wrong_types(ask: Ask, group: str, kind: str) -> None:
    wrong = {"token": 5, "audiences": 7, "user": [], "namespace": 4, "resourceAttributes": 5}
    for spec in ([1], "x", 5, wrong):
        status, answer = await ask("POST", f"/apis/{group}.k8s.io/v1/{kind.lower()}s", {"spec": spec})
        assert status == 400, answer


async def test_scale_and_finalize_refuse_wrong_types(ask: Ask) -> None:
    await ask("POST", f"{APPS}/deployments", deployment("web"))

    for body in ({"spec": [1]}, {"spec": {"replicas": "x"}}, {"metadata": 5}):
        status, answer = await ask("PUT", f"{APPS}/deployments/web/scale", body)
        assert status in (400, 422), answer
        merge = PATCH.format("merge-patch", "json")
        status, answer = await ask("PATCH", f"{APPS}/deployments/web/scale", body, merge)
        assert status in (400, 422), answer
    status, answer = await ask("PUT", "/api/v1/namespaces/default/finalize", {"spec": [1]})
    assert status == 400, answer


@pytest.mark.parametrize(
    "body",
    [
        {"preconditions": [1]},
        {"preconditions": "x"},
        {"preconditions": {"uid": [1]}},
        {"gracePeriodSeconds": 1e300},
        {"propagationPolicy": ["Orphan"]},
        {"orphanDependents": "x"},
    ],
)
async def test_a_delete_refuses_options_of_wrong_types(ask: Ask, body: dict[str, Any]) -> None:
    await ask("POST", f"{CORE}/pods", pod("web"))

    status, answer = await ask("DELETE", f"{CORE}/pods/web", body)

    assert status in (400, 422), answer


async def test_a_pod_of_any_grace_can_be_deleted(ask: Ask, client: ApiClient) -> None:
    for name, seconds in (("long", 10**15), ("longest", (1 << 63) - 1)):
        body = pod(name, nodeName="n", terminationGracePeriodSeconds=seconds)
        status, answer = await ask("POST", f"{CORE}/pods", body)
        assert status == 201, answer
        status, answer = await ask("DELETE", f"{CORE}/pods/{name}")
        assert status == 200, answer
        assert answer["metadata"]["deletionTimestamp"]
        assert (await ask("DELETE", f"{CORE}/pods/{name}", {"gracePeriodSeconds": 10**17}))[0] == 200
        assert (await ask("DELETE", f"{CORE}/pods/{name}?gracePeriodSeconds=0"))[0] == 200
        assert (await ask("GET", f"{CORE}/pods/{name}"))[0] == 404


async def test_a_continue_token_that_is_none_is_refused(ask: Ask) -> None:
    for value in ({"rv": 1, "start": 5}, {"rv": [], "start": "a/b"}, [1], 5, "x"):
        token = base64.urlsafe_b64encode(orjson.dumps(value)).decode()
        status, answer = await ask("GET", f"{CORE}/pods?limit=1&continue={token}")
        assert status in (400, 410), answer


async def test_yaml_aliases_do_not_take_the_memory(ask: Ask) -> None:
    bomb = b"a: &a [x, x, x, x, x, x, x, x, x]\n"
    for last, name in zip("abcdefghi", "bcdefghij", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]\n".encode()

    status, answer = await ask("POST", f"{CORE}/configmaps", bomb, "application/yaml")
    assert status == 400
    assert "alias" in answer["message"]

    for text in (b"a: 2001-99-99", b"a: !!binary x", b"? [a]\n: b", b"a: " + b"9" * 5000, b"\xff\xfe\x00"):
        status, answer = await ask("POST", f"{CORE}/configmaps", text, "application/yaml")
        assert status in (400, 422), answer
    star = b"{apiVersion: v1, kind: ConfigMap, metadata: {name: star}, data: {a: '*.example'}}"
    assert (await ask("POST", f"{CORE}/configmaps", star, "application/yaml"))[0] == 201


JUNK: list[Any] = [
    None, 5, -1, 1 << 62, 1.5, "", "x", True, [], [None], [5], ["x"], {}, {"a": None}, {"a": 5}, {"$patch": 5},
    "1e999999999", "::", "*", [[]], [{}],
]  # fmt: skip


def spoiled(value: Any, chance: random.Random) -> Any:
    """The value with one place in it replaced by junk, or one field more."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        return {**value, key: spoiled(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        return [*value[:at], spoiled(value[at], chance), *value[at + 1 :]]
    return chance.choice(JUNK)


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_body_is_answered_by_a_failure_of_the_server(ask: Ask, seed: int) -> None:
    """Bodies that are right but for a few places, through every way to write."""
    chance = random.Random(seed)
    kinds = [PATCH.format(kind, "json") for kind in ("merge-patch", "strategic-merge-patch")]
    failed = []

    async def tried(*request: Any) -> int:
        status, answer = await ask(*request)
        if status >= 500:
            failed.append((*request, answer["message"]))
        return status

    for path, good in seeds():
        name = good["metadata"]["name"]
        assert (status := await tried("POST", path, good)) in (201, 409), (path, status)
        for _ in range(25):
            bad = spoiled(good, chance)
            if chance.random() < 0.5:
                bad = spoiled(bad, chance)
            await tried("POST", path, bad if isinstance(bad, dict) else {"spec": bad})
            await tried("PUT", f"{path}/{name}", bad)
            await tried("PATCH", f"{path}/{name}", bad, chance.choice(kinds))
            await tried(
                "PATCH", f"{path}/{name}?fieldManager=m&force=true", bad, "application/apply-patch+yaml"
            )
            steps = [
                {
                    "op": chance.choice(["add", "replace", "remove", "test", "copy", 5]),
                    "path": chance.choice(["/spec", "/metadata", "/spec/containers/0", "/data/x", 5, "/x/y"]),
                    "from": "/spec",
                    "value": chance.choice(JUNK),
                }
            ]
            await tried("PATCH", f"{path}/{name}", steps, "application/json-patch+json")
            await tried("PATCH", f"{path}/{name}/status", {"status": chance.choice(JUNK)}, kinds[0])
    assert not failed, failed[:3]


@pytest.mark.parametrize(
    "entries",
    [
        [5],
        [{"fieldsV1": {"f:data": 3}, "manager": "m", "operation": "Update"}],
        [{"fieldsV1": {"f:data": {}}, "manager": [1], "operation": "Update"}],
        [{"manager": "m", "operation": "Apply"}],
        [{"manager": "m"}],
    ],
)
async def test_managed_fields_that_are_none_are_not_heeded(ask: Ask, entries: list[Any]) -> None:
    await ask("POST", f"{CORE}/configmaps", config("a"))
    bad = {"metadata": {"managedFields": entries}, "data": {"x": "y"}}

    status, answer = await ask("PUT", f"{CORE}/configmaps/a", config("a", x="y") | bad)
    assert status in (200, 400), answer
    path = f"{CORE}/configmaps/a"
    assert (await ask("PATCH", path, bad, PATCH.format("merge-patch", "json")))[0] in (200, 400)
    assert (await ask("PATCH", path, {"data": {"x": "z"}}, PATCH.format("merge-patch", "json")))[0] == 200
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"q": "r"}}
    status, answer = await ask("PATCH", f"{path}?fieldManager=me", applied, "application/apply-patch+yaml")
    assert status == 200, answer


async def test_null_bytes_of_a_secret_are_empty(ask: Ask) -> None:
    secret = {"metadata": {"name": "s"}, "data": {"a": None, "b": "YQ=="}}

    status, answer = await ask("POST", f"{CORE}/secrets", secret)

    assert (status, answer["data"]) == (201, {"a": "", "b": "YQ=="})


async def test_what_was_refused_left_nothing(ask: Ask, client: ApiClient) -> None:
    await ask("POST", f"{CORE}/pods", pod("a") | {"metadata": [1]})
    await ask("POST", f"{CORE}/configmaps", b"a: &a [*a]", "application/yaml")

    assert not (await client.list(PODS, "default")).items
    assert not (await client.list(CONFIGMAPS, "default")).items


async def test_the_proxy_of_a_node_that_is_not_there(ask: Ask) -> None:
    status, answer = await ask("GET", "/api/v1/nodes/none/proxy/healthz")
    assert (status, answer["message"]) == (404, 'nodes "none" not found')


async def test_a_token_review_needs_a_token(ask: Ask) -> None:
    status, answer = await ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {}})
    assert (status, answer["message"]) == (400, "token is required for TokenReview in authentication")
