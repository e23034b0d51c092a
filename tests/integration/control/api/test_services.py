"""Cluster IPs and node ports."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv4Network, IPv6Network

import pytest

from control.client.client import ApiClient
from control.client.resources import SERVICES
from control.errors import Invalid
from tests.integration.control.api.objects import service


@pytest.fixture
async def dual(serve) -> AsyncIterator[ApiClient]:
    cidrs = (IPv4Network("10.96.0.0/28"), IPv6Network("fd00:10:96::/112"))
    async with serve(service_cidrs=cidrs) as served, served.client() as client:
        yield client


async def test_every_service_has_an_address_of_its_own(client: ApiClient) -> None:
    made = await asyncio.gather(
        *(client.create(SERVICES, service(f"s{number}"), "default") for number in range(20))
    )

    addresses = [IPv4Address(one["spec"]["clusterIP"]) for one in made]
    assert len(set(addresses)) == 20
    assert all(address in IPv4Network("10.96.0.0/12") for address in addresses)
    spec = made[0]["spec"]
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


async def test_an_address_that_is_held_can_not_be_asked_for(client: ApiClient) -> None:
    await client.create(SERVICES, service("a", clusterIP="10.96.0.77"), "default")

    with pytest.raises(Invalid) as refused:
        await client.create(SERVICES, service("b", clusterIP="10.96.0.77"), "default")
    assert str(refused.value) == (
        'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.77"]:'
        " failed to allocate IP 10.96.0.77: provided IP is already allocated"
    )
    with pytest.raises(Invalid, match="is not in the valid range"):
        await client.create(SERVICES, service("b", clusterIP="192.0.2.1"), "default")
    await client.delete(SERVICES, "a", "default")
    again = await client.create(SERVICES, service("b", clusterIP="10.96.0.77"), "default")
    assert again["spec"]["clusterIP"] == "10.96.0.77"


async def test_what_was_refused_holds_nothing(client: ApiClient) -> None:
    with pytest.raises(Invalid):
        await client.create(SERVICES, service("a", clusterIP="10.96.0.9", type="Nonsense"), "default")

    await client.create(SERVICES, service("b", clusterIP="10.96.0.9"), "default")


async def test_a_small_range_is_used_up_and_refilled(dual: ApiClient) -> None:
    made = [await dual.create(SERVICES, service(f"s{number}"), "default") for number in range(13)]
    used = [one["spec"]["clusterIP"] for one in made]
    assert len(set(used)) == 13
    with pytest.raises(Exception, match="is full"):
        await dual.create(SERVICES, service("late"), "default")
    await dual.delete(SERVICES, "s3", "default")
    late = await dual.create(SERVICES, service("late"), "default")
    assert late["spec"]["clusterIP"] == used[3]


async def test_node_ports(client: ApiClient) -> None:
    made = await client.create(SERVICES, service("a", type="NodePort"), "default")
    port = made["spec"]["ports"][0]["nodePort"]
    assert 30000 <= port <= 32767

    fixed = [{"port": 80, "nodePort": port}]
    with pytest.raises(Invalid, match=f"nodePort: Invalid value: {port}: provided port is already allocated"):
        await client.create(SERVICES, service("b", type="NodePort", ports=fixed), "default")
    low = [{"port": 80, "nodePort": 80}]
    with pytest.raises(Invalid, match="The range of valid ports is 30000-32767"):
        await client.create(SERVICES, service("b", type="NodePort", ports=low), "default")
    changed = await client.patch(SERVICES, "a", "default", {"spec": {"type": "ClusterIP"}})
    assert "nodePort" not in changed["spec"]["ports"][0]
    await client.create(SERVICES, service("b", type="NodePort", ports=fixed), "default")


async def test_an_update_that_leaves_them_out_keeps_addresses_and_ports(client: ApiClient) -> None:
    made = await client.create(SERVICES, service("a", type="NodePort"), "default")
    plain = service("a", type="NodePort", selector={"app": "other"})
    plain["metadata"] |= {"namespace": "default", "resourceVersion": made["metadata"]["resourceVersion"]}

    after = await client.update(SERVICES, plain)

    assert after["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert after["spec"]["ports"] == made["spec"]["ports"]
    with pytest.raises(Invalid, match="may not change once set"):
        await client.patch(
            SERVICES, "a", "default", {"spec": {"clusterIP": "10.96.1.1", "clusterIPs": ["10.96.1.1"]}}
        )


async def test_headless_and_external(client: ApiClient) -> None:
    headless = await client.create(SERVICES, service("h", clusterIP="None"), "default")
    assert headless["spec"]["clusterIPs"] == ["None"]
    external = {"metadata": {"name": "e"}, "spec": {"type": "ExternalName", "externalName": "example.com"}}
    assert "clusterIP" not in (await client.create(SERVICES, external, "default"))["spec"]


async def test_dual_stack(dual: ApiClient) -> None:
    single = await dual.create(SERVICES, service("single"), "default")
    assert single["spec"]["ipFamilies"] == ["IPv4"]
    both = await dual.create(SERVICES, service("both", ipFamilyPolicy="PreferDualStack"), "default")
    assert both["spec"]["ipFamilies"] == ["IPv4", "IPv6"]
    assert [":" in text for text in both["spec"]["clusterIPs"]] == [False, True]
    sixth = await dual.create(SERVICES, service("six", ipFamilies=["IPv6"]), "default")
    assert sixth["spec"]["clusterIP"].startswith("fd00:10:96::")
    grown = await dual.patch(SERVICES, "single", "default", {"spec": {"ipFamilyPolicy": "RequireDualStack"}})
    assert grown["spec"]["clusterIP"] == single["spec"]["clusterIP"]
    assert len(grown["spec"]["clusterIPs"]) == 2


async def test_addresses_survive_a_restart(serve) -> None:
    async with serve() as served, served.client() as client:
        made = await client.create(SERVICES, service("a"), "default")
    async with serve() as served, served.client() as client:
        with pytest.raises(Invalid, match="already allocated"):
            await client.create(SERVICES, service("b", clusterIP=made["spec"]["clusterIP"]), "default")
        kubernetes = await client.get(SERVICES, "kubernetes", "default")
        assert kubernetes["spec"]["clusterIP"] == "10.96.0.1"
