"""verify on a lab: all as the policies say, and one element less in a node's kernel is noticed and named."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from control.client.client import ApiClient
from control.client.resources import PODS, SERVICES
from control.lab.ready import loopback_tls
from control.verify.matrix import render
from control.verify.report import VerifyReport
from control.verify.run import VerifyOptions, run_verify
from dataplane.nft.batch import BatchWriter, NftBatch
from dataplane.nft.handle import NftHandle

pytestmark = pytest.mark.root


def verify(lab, **options) -> VerifyReport:
    async def run() -> VerifyReport:
        url = f"https://127.0.0.1:{lab.api.port}"
        async with ApiClient(url, loopback_tls(lab.directory)) as client:
            return await run_verify(client, VerifyOptions(lab.name, (lab.namespace,), **options))

    return asyncio.run(run())


@contextmanager
def without(node, table: str, name: str, key: str) -> Iterator[None]:
    """A node's kernel without one element of a set or map; put back after."""
    with NftHandle(node.netns) as handle:
        (state,) = handle.dump("inet", table).tables
        found = state.set_by_name[name]
        (element,) = [e for e in found.elements.values() if found.key.show(e.key) == key]

        def change(verb: str) -> None:
            writer = BatchWriter()
            getattr(writer, verb)(state, found, [element])
            transaction = writer.transaction()
            assert transaction is not None
            handle.apply(NftBatch((transaction,), 1))

        change("delete_elements")
        try:
            yield
        finally:
            change("add_elements")


@pytest.fixture
def shop(lab):
    """web calls api through its Service, which has two pods on two nodes; nobody else may reach api."""
    nodes = [node.name for node in lab.nodes if node.name != "cp"]
    lab.pod("api-1", node=nodes[0], listens=8080, labels={"app": "api"})
    lab.pod("api-2", node=nodes[-1], listens=8080, labels={"app": "api"})
    env = [{"name": "API_ADDR", "value": "api:80"}, {"name": "LOST_ADDR", "value": "lost:80"}]
    lab.pod("web", node=nodes[0], listens=8080, labels={"app": "web"}, spec={"container": {"env": env}})
    lab.pod("other", node=nodes[-1], listens=8080, labels={"app": "other"})
    lab.policy(
        "api-from-web",
        podSelector={"matchLabels": {"app": "api"}},
        ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 8080}]}],
    )
    lab.service("api", to={"app": "api"}, port=80, target=8080)
    lab.until(lambda: not verify(lab).mismatches, 20, what="the kernels are as the policies say")
    return lab


def test_it_finds_all_as_the_policies_say_and_draws_it(shop):
    report = verify(shop)

    assert not report.mismatches
    assert report.exit_code == 0
    assert report.connections == report.as_said > 30
    words = {(each.pair.source.name, each.pair.target.name): each.word for each in report.observations}
    namespace = shop.namespace
    assert words[f"{namespace}/web", f"{namespace}/api:80"] == "open"
    assert words[f"{namespace}/other", f"{namespace}/api:80"] == "blocked"
    assert words[f"{namespace}/other", f"{namespace}/api-1:8080"] == "blocked"
    calls = {each.call.edge.upstream: (each.call.word, str(each.expected.word)) for each in report.calls}
    assert calls == {"api:80": ("open", "open"), "lost:80": ("unresolved", "unresolved")}
    drawn = render(report, colour=False)
    assert "0 mismatches" in drawn
    assert "web → api:80  open" in drawn
    assert report.as_json()["mismatches"] == []


def test_one_element_of_policy_less_names_the_pair_and_the_policy(shop):
    pods = {pod["metadata"]["name"]: pod for pod in shop.api.list(PODS, shop.namespace)}
    address = pods["api-2"]["status"]["podIP"]
    node = shop.node(pods["api-2"]["spec"]["nodeName"])

    with without(node, "podwire-policy", "ingress4", address):
        report = verify(shop, internet=False)

    assert report.exit_code == 1
    named = {(each.source, each.target) for each in report.mismatches}
    assert (f"{shop.namespace}/web", f"pod {shop.namespace}/api-2:8080") in named
    assert any("api-from-web" in policy for each in report.mismatches for policy in each.policies)


def test_one_endpoint_of_a_service_less_names_the_pair_and_the_endpoint(shop):
    services = shop.api.get(SERVICES, "api", shop.namespace)
    pods = {pod["metadata"]["name"]: pod for pod in shop.api.list(PODS, shop.namespace)}
    node = shop.node(pods["web"]["spec"]["nodeName"])

    with without(node, "podwire-services", "endpoints4", f"{services['spec']['clusterIP']} . tcp . 80 . 1"):
        report = verify(shop, internet=False)

    named = [each for each in report.mismatches if each.source == f"{shop.namespace}/web"]
    assert f"service {shop.namespace}/api:80" in {each.target for each in named}
    assert report.exit_code == 1
    assert not verify(shop, internet=False).mismatches, "and it was put back"
