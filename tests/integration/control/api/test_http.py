"""Bodies, headers and limits, as a client without any library sees them."""

import asyncio
import gzip
from typing import Any

import aiohttp
import orjson
import pytest

from control.api.long_answer import PART
from control.client.client import ApiClient
from control.client.resources import CONFIGMAPS
from tests.integration.control.api.conftest import Served
from tests.integration.control.api.objects import config

LIST = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
async def http(served: Served, client: ApiClient) -> Any:
    connector = aiohttp.TCPConnector(ssl=served.context())
    async with aiohttp.ClientSession(served.url, connector=connector, auto_decompress=False) as session:
        yield session


async def test_yaml_is_read(http: aiohttp.ClientSession) -> None:
    body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  when: '2026-01-01'\n  day: 2026-01-02\n"
    async with http.post(LIST, data=body, headers={"Content-Type": "application/yaml"}) as answer:
        assert answer.status == 201
        assert (await answer.json())["data"] == {"when": "2026-01-01", "day": "2026-01-02"}


async def test_what_can_not_be_read_is_refused(http: aiohttp.ClientSession) -> None:
    for body, content_type, status in (
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"a: [", "application/yaml", 400),
        (b"k8s\0\xff\xff", "application/vnd.kubernetes.protobuf", 400),
        (b"a=b", "application/x-www-form-urlencoded", 415),
    ):
        async with http.post(LIST, data=body, headers={"Content-Type": content_type}) as answer:
            told = orjson.loads(await answer.read())
            assert (answer.status, told["kind"], told["code"]) == (status, "Status", status)
    async with http.patch(f"{LIST}/a", data=b"{}", headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 415


async def test_a_body_has_a_limit(http: aiohttp.ClientSession) -> None:
    body = orjson.dumps(config("big", x="y" * (4 << 20)))
    async with http.post(LIST, data=body, headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 413
        assert (await answer.json())["reason"] == "RequestEntityTooLarge"


async def test_warnings_stand_in_headers(http: aiohttp.ClientSession) -> None:
    async with http.post(LIST, json={**config("a"), "dta": 1, "ärger": 2, "a\x16\nb": 3}) as answer:
        assert answer.status == 201
        assert answer.headers.getall("Warning") == [
            '299 - "unknown field \\"dta\\""',
            '299 - "unknown field \\"?rger\\""',
            '299 - "unknown field \\"a? b\\""',
        ]


async def test_more_warnings_than_a_client_takes_headers_are_cut_off(http: aiohttp.ClientSession) -> None:
    async with http.post(LIST, json={**config("a"), **{f"x{number}": 1 for number in range(300)}}) as answer:
        assert answer.status == 201
        assert len(answer.headers.getall("Warning")) == 50


async def test_large_answers_are_compressed_when_it_is_asked_for(
    http: aiohttp.ClientSession, client: ApiClient
) -> None:
    await client.create(CONFIGMAPS, config("big", x="y" * 200_000), "default")

    async with http.get(LIST, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(orjson.loads(gzip.decompress(await answer.read()))["items"]) == 1
    async with http.get(LIST, headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert len(orjson.loads(await answer.read())["items"]) == 1


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_long_list_comes_in_parts_and_is_whole(
    http: aiohttp.ClientSession, client: ApiClient, encoding: str
) -> None:
    sizes = [1, 1000, 200_000, 300_000, 1, 2 * PART, 1]
    for number, size in enumerate(sizes):
        await client.create(CONFIGMAPS, config(f"big{number}", x="y" * size), "default")

    async with http.get(LIST, headers={"Accept-Encoding": encoding}) as answer:
        body = await answer.read()
        assert answer.headers.getall("Content-Type") == ["application/json"]
        assert "Content-Length" not in answer.headers
    listed = orjson.loads(gzip.decompress(body) if encoding == "gzip" else body)
    assert [len(item["data"]["x"]) for item in listed["items"]] == sizes
    assert listed["kind"] == "ConfigMapList"
    assert int(listed["metadata"]["resourceVersion"]) > 0


async def test_a_client_that_leaves_in_the_middle_of_a_long_list_harms_nobody(
    served: Any, client: ApiClient
) -> None:
    for number in range(8):
        await client.create(CONFIGMAPS, config(f"big{number}", x="y" * 500_000), "default")
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=served.context())
    writer.write(f"GET {LIST} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.transport.abort()

    assert len((await client.list(CONFIGMAPS, "default")).items) == 8


async def test_a_request_to_wait_says_how_long(http: aiohttp.ClientSession) -> None:
    async with http.get(LIST, params={"resourceVersion": "99999999"}) as answer:
        assert answer.status == 504
        assert answer.headers["Retry-After"] == "1"


async def test_unknown_urls(http: aiohttp.ClientSession) -> None:
    for path in (
        "/nowhere",
        "/apis/none.example",
        "/apis/apps/v9",
        "/api/v1/namespaces/default/pods/a/nothing",
    ):
        async with http.get(path) as answer:
            assert answer.status == 404, path
            assert (await answer.json())["message"] == "the server could not find the requested resource"


@pytest.mark.parametrize(("method", "path"), [("PUT", LIST), ("PATCH", LIST), ("POST", f"{LIST}/a")])
async def test_a_verb_that_its_url_does_not_have(http: aiohttp.ClientSession, method: str, path: str) -> None:
    async with http.request(method, path, json=config("a")) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (405, "MethodNotAllowed")


async def test_metrics_count_requests(http: aiohttp.ClientSession) -> None:
    async with http.get(LIST) as answer:
        await answer.read()
    async with http.get("/metrics") as answer:
        text = await answer.text()
    about = 'verb="LIST",group="",version="v1",resource="configmaps",subresource=""'
    assert f'apiserver_request_total{{{about},code="200"}} 1' in text
    assert f'apiserver_request_duration_seconds_bucket{{{about},le="+Inf"}} 1' in text
    assert f"apiserver_request_duration_seconds_count{{{about}}} 1" in text
    assert "apiserver_current_inflight_requests 1\n" in text
