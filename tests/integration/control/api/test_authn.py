"""Who may ask: certificates, service account tokens, and the little that is open to everybody."""

from typing import Any

import aiohttp
import orjson
import pytest

from control.client.client import ApiClient
from control.client.resources import CONFIGMAPS, PODS, SERVICEACCOUNTS
from control.errors import Invalid, Unauthorized
from tests.integration.control.api.objects import config, pod


async def test_strangers_are_refused(served: Any) -> None:
    async with served.client("") as stranger:
        with pytest.raises(Unauthorized, match=r"^Unauthorized$") as refused:
            await stranger.list(CONFIGMAPS, "default")
    assert refused.value.as_status()["code"] == 401


async def test_health_and_version_are_open(served: Any) -> None:
    async with served.client("") as stranger:
        for path in ("/healthz", "/livez", "/readyz"):
            assert await stranger.request("GET", path) == b"ok"
        assert orjson.loads(await stranger.request("GET", "/version"))["minor"] == "37"


async def test_a_certificate_of_another_authority_does_not_get_in(served: Any, tmp_path: Any) -> None:
    from control.lab import pki

    other = pki.create_ca(tmp_path / "other")
    pair = pki.issue(other, tmp_path, "eve", pki.Subject("eve", ("system:masters",)), pki.Usage.CLIENT)
    context = served.context("")
    context.load_cert_chain(pair.cert, pair.key)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"{served.url}/api/v1/pods", ssl=context)


async def test_a_certificate_names_user_and_groups(served: Any) -> None:
    context = served.context("ann", "team-a", "team-b")
    async with ApiClient(served.url, context) as ann:
        body = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        told = orjson.loads(await ann.request("POST", path, body=body))

    assert told["status"]["userInfo"] == {
        "username": "ann",
        "groups": ["team-a", "team-b", "system:authenticated"],
    }


async def token_of(client: ApiClient, **spec: Any) -> str:
    answer = await client.create(
        SERVICEACCOUNTS, {"spec": spec}, "default", name="default", subresource="token"
    )
    token: str = answer["status"]["token"]
    return token


async def test_a_service_account_token_gets_in_while_its_account_exists(
    served: Any, client: ApiClient
) -> None:
    token = await token_of(client)
    async with served.client("", token=lambda: token) as bearer:
        await bearer.create(CONFIGMAPS, config("a"), "default")
        await client.delete(SERVICEACCOUNTS, "default", "default")
        await client.create(SERVICEACCOUNTS, {"metadata": {"name": "default"}}, "default")
        with pytest.raises(Unauthorized):
            await bearer.get(CONFIGMAPS, "a", "default")


async def test_a_token_that_is_bound_to_a_pod_goes_with_it(served: Any, client: ApiClient) -> None:
    made = await client.create(PODS, pod("a"), "default")
    ref = {"kind": "Pod", "apiVersion": "v1", "name": "a", "uid": made["metadata"]["uid"]}
    token = await token_of(client, boundObjectRef=ref)
    async with served.client("", token=lambda: token) as bearer:
        await bearer.get(PODS, "a", "default")
        await client.delete(PODS, "a", "default")
        with pytest.raises(Unauthorized):
            await bearer.list(PODS, "default")


async def test_tokens_for_others_and_forged_ones_are_refused(served: Any, client: ApiClient) -> None:
    elsewhere = await token_of(client, audiences=["vault"])
    head, body, signature = (await token_of(client)).split(".")
    forged = ".".join([head, body, ("A" if signature[0] != "A" else "B") + signature[1:]])
    for token in (elsewhere, forged, "nonsense"):
        async with served.client("", token=lambda token=token: token) as bearer:
            with pytest.raises(Unauthorized):
                await bearer.list(PODS, "default")
    with pytest.raises(Invalid, match="may not specify a duration less than 10 minutes"):
        await token_of(client, expirationSeconds=60)


async def test_the_audit_log_tells_who_asked_for_what(serve: Any, tmp_path: Any) -> None:
    log = tmp_path / "audit.log"
    async with serve(audit=log) as served:
        async with served.client("ann") as ann:
            await ann.create(CONFIGMAPS, config("a"), "default")
        async with served.client("") as stranger:
            with pytest.raises(Unauthorized):
                await stranger.list(PODS)
    lines = [orjson.loads(line) for line in log.read_bytes().splitlines()]

    assert [(one["user"]["username"], one["verb"], one["responseStatus"]["code"]) for one in lines] == [
        ("ann", "create", 201),
        ("system:anonymous", "list", 401),
    ]
    assert lines[0]["objectRef"]["resource"] == "configmaps"
