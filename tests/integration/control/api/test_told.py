"""What a client did wrong in a write it is told, even where the write goes through."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest

from tests.integration.control.api.conftest import Served
from tests.integration.control.api.objects import config, deployment
from tests.integration.control.api.seeds import APPS, CORE

Ask = Callable[..., Awaitable[tuple[int, dict[str, Any], list[str]]]]
APPLY = "application/apply-patch+yaml"


@pytest.fixture
async def ask(served: Served) -> AsyncIterator[Ask]:
    """``status, answer, warnings = await ask(method, path, body, …)`` with an admin's certificate."""
    connector = aiohttp.TCPConnector(ssl=served.context())
    async with aiohttp.ClientSession(served.url, connector=connector) as session:

        async def one(
            method: str, path: str, body: Any, content: str = "application/json", **headers: str
        ) -> tuple[int, dict[str, Any], list[str]]:
            data = body if isinstance(body, bytes) else orjson.dumps(body)
            asked = session.request(method, path, data=data, headers={"Content-Type": content, **headers})
            async with asked as answer:
                return answer.status, orjson.loads(await answer.read()), answer.headers.getall("Warning", [])

        yield one


TWICE = b'{"metadata": {"name": "twice"}, "data": {"a": "1", "a": "2"}}'


async def test_a_field_that_stands_twice_is_told(ask: Ask) -> None:
    maps = f"{CORE}/configmaps"
    status, answer, _ = await ask("POST", f"{maps}?fieldValidation=Strict", TWICE)
    assert (status, answer["message"]) == (
        400,
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error:'
        ' duplicate field "data.a"',
    )
    status, answer, warnings = await ask("POST", maps, TWICE)
    assert (status, answer["data"], warnings) == (201, {"a": "2"}, ['299 - "duplicate field \\"data.a\\""'])
    status, _, warnings = await ask("PUT", f"{maps}/twice?fieldValidation=Ignore", TWICE)
    assert (status, warnings) == (200, [])


async def test_a_key_of_yaml_that_stands_twice_is_told_with_its_line(ask: Ask) -> None:
    maps, kind = f"{CORE}/configmaps", "application/yaml"
    twice = b"metadata: {name: lines}\ndata:\n  a: one\n  a: two\n"
    status, answer, _ = await ask("POST", f"{maps}?fieldValidation=Strict", twice, kind)
    assert status == 400
    assert answer["message"].endswith(
        'strict decoding error: yaml: unmarshal errors:\n  line 4: key "a" already set in map'
    )
    status, answer, warnings = await ask("POST", maps, twice, kind)
    assert (status, answer["data"]) == (201, {"a": "two"})
    assert warnings == ['299 - "line 4: key \\"a\\" already set in map"']
    status, _, warnings = await ask("PUT", f"{maps}/lines?fieldValidation=Ignore", twice, kind)
    assert (status, warnings) == (200, [])


@pytest.mark.parametrize("there", [False, True])
async def test_an_apply_tells_of_fields_that_the_kind_has_not(ask: Ask, there: bool) -> None:
    if there:
        await ask("POST", f"{APPS}/deployments", deployment("web"))
    wrong = deployment("web")
    wrong["spec"]["replcas"] = 1
    wrong |= {"apiVersion": "apps/v1", "kind": "Deployment"}
    path = f"{APPS}/deployments/web?fieldManager=me&force=true"

    status, answer, _ = await ask("PATCH", f"{path}&fieldValidation=Strict", wrong, APPLY)
    assert status == 400
    assert answer["message"].endswith('strict decoding error: unknown field "spec.replcas"')
    status, answer, warnings = await ask("PATCH", path, wrong, APPLY)
    assert (status, warnings) == (200 if there else 201, ['299 - "unknown field \\"spec.replcas\\""'])


@pytest.mark.parametrize(
    ("query", "content", "field"),
    [
        ("fieldManager=" + "m" * 129, APPLY, "fieldManager"),
        ("fieldManager=%00", "application/merge-patch+json", "fieldManager"),
        ("force=true", "application/merge-patch+json", "force"),
    ],
)
async def test_parameters_that_are_wrong_are_named(ask: Ask, query: str, content: str, field: str) -> None:
    await ask("POST", f"{CORE}/configmaps", config("a"))
    body = {"apiVersion": "v1", "kind": "ConfigMap"}

    status, answer, _ = await ask("PATCH", f"{CORE}/configmaps/a?{query}", body, content)

    assert (status, [cause["field"] for cause in answer["details"]["causes"]]) == (422, [field])


async def test_an_apply_brings_no_managed_fields(ask: Ask) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"managedFields": [{"manager": "x"}]}}
    status, answer, _ = await ask("PATCH", f"{CORE}/configmaps/a?fieldManager=me", body, APPLY)
    assert (status, answer["message"]) == (400, "metadata.managedFields must be nil")


async def test_a_body_that_is_not_compressed_as_it_says_is_the_clients_fault(ask: Ask) -> None:
    gzip = {"Content-Encoding": "gzip"}
    status, answer, _ = await ask("POST", f"{CORE}/configmaps", b"garbage", **gzip)
    assert (status, answer["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize("line", [b"CONNECT a:1", b"OPTIONS *", b"POST /version", b"TRACE /"])
async def test_methods_that_nothing_answers_are_refused(served: Served, line: bytes) -> None:
    parts = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=served.context())
    writer.write(line + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert await reader.readline() == b"HTTP/1.1 405 Method Not Allowed\r\n"
    writer.close()
