"""The enforcer between objects as they change and a node's kernel."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from types import SimpleNamespace

import pytest

from control.agents import heard
from control.agents.enforcer import Enforcer
from dataplane.netns.create import create, delete
from dataplane.netns.sysctl import Place
from dataplane.nft.handle import NftHandle

pytestmark = pytest.mark.root


@dataclass
class Feed:
    """What an informer is to the enforcer: objects that change and callbacks that hear of it."""

    synced: asyncio.Event = field(default_factory=asyncio.Event)
    items: dict = field(default_factory=dict)
    calls: list[Callable] = field(default_factory=list)
    revision: int = 1 << 62

    async def heard(self, revision):
        while self.revision < revision:
            await asyncio.sleep(0.001)

    def on_change(self, call):
        self.calls.append(call)
        for obj in self.items.values():
            call(None, obj)

    def put(self, obj):
        key = f"{obj['metadata'].get('namespace')}/{obj['metadata']['name']}"
        old = self.items.get(key)
        self.items[key] = obj
        for call in self.calls:
            call(old, obj)

    def remove(self, obj):
        key = f"{obj['metadata'].get('namespace')}/{obj['metadata']['name']}"
        old = self.items.pop(key)
        for call in self.calls:
            call(old, None)


@dataclass
class Running:
    netns: str
    ctx: SimpleNamespace
    pods: Feed
    namespaces: Feed
    policies: Feed
    handle: NftHandle
    reader: NftHandle
    enforcer: Enforcer
    task: asyncio.Task

    def held(self, name: str) -> dict[str, str]:
        """A set's elements, as text: key → data."""
        tables = self.reader.dump("inet", "podwire-policy").tables
        if not tables:
            return {}
        found = tables[0].set_by_name[name]
        return {found.key.show(e.key): str(getattr(e.data, "text", e.data)) for e in found.elements.values()}

    async def until(self, claim: Callable[[], bool]) -> None:
        for _ in range(500):
            if claim():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("not within 5 s")


def pod(name, node="node-1", ip="", uid="", **labels):
    status = {"phase": "Running", "podIPs": [{"ip": ip}]} if ip else {"phase": "Pending"}
    meta = {"namespace": "shop", "name": name, "uid": uid or f"uid-{name}", "labels": labels}
    return {"metadata": meta, "spec": {"nodeName": node, "containers": []}, "status": status}


def policy(name, spec):
    return {"metadata": {"namespace": "shop", "name": name, "uid": name}, "spec": spec}


async def start(netns, feeds):
    ctx = SimpleNamespace(name="node-1", pod_cidrs=(ip_network("10.244.1.0/24"),))
    handle = NftHandle(netns)
    enforcer = Enforcer(ctx, *feeds, handle)
    return Running(
        netns, ctx, *feeds, handle, NftHandle(netns), enforcer, asyncio.create_task(enforcer.run())
    )


async def stop(running):
    running.task.cancel()
    with suppress(asyncio.CancelledError):
        await running.task
    running.handle.close()
    running.reader.close()


@pytest.fixture
async def running():
    netns = f"podwire-tenf{uuid.uuid4().hex[:6]}-node"
    create(netns, Place.NODE)
    feeds = (Feed(), Feed(), Feed())
    feeds[1].put({"metadata": {"name": "shop"}})
    made = await start(netns, feeds)
    for feed in feeds:
        feed.synced.set()
    yield made
    await stop(made)
    delete(netns)


async def test_admit_returns_when_the_kernel_has_the_pod_and_retire_when_it_has_not(running):
    address = ip_address("10.244.1.2")
    await running.enforcer.admit(pod("api"), [address])
    assert running.held("ingress4") == {"10.244.1.2": "goto ok"}

    await running.enforcer.retire("uid-api", [address])
    assert running.held("ingress4") == {}


async def test_a_policy_comes_changes_and_goes(running):
    await running.enforcer.admit(pod("api", app="api"), [ip_address("10.244.1.2")])
    made = policy("deny", {"podSelector": {}})
    running.policies.put(made)
    await running.until(lambda: running.held("ingress4")["10.244.1.2"].startswith("goto in.shop/deny"))
    running.policies.remove(made)
    await running.until(lambda: running.held("ingress4") == {"10.244.1.2": "goto ok"})


async def test_pods_elsewhere_have_identities_and_no_verdicts(running):
    running.pods.put(pod("web", node="node-2", ip="10.244.2.5", app="web"))
    await running.until(lambda: "10.244.2.5" in running.held("identities4"))
    assert running.held("ingress4") == {}


async def test_a_pod_that_was_retired_is_not_brought_back_by_its_last_status(running):
    last = pod("api", ip="10.244.1.2")
    running.pods.put(last)
    await running.enforcer.admit(last, [ip_address("10.244.1.2")])
    await running.enforcer.retire("uid-api", [ip_address("10.244.1.2")])

    running.pods.put({**last, "metadata": {**last["metadata"], "labels": {"late": "yes"}}})
    await running.enforcer.admit(pod("other"), [ip_address("10.244.1.3")])

    assert running.held("ingress4") == {"10.244.1.3": "goto ok"}


async def test_a_bad_policy_is_skipped_and_the_others_are_in_force(running, caplog):
    running.policies.put(
        policy("bad", {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "x"}}]}]})
    )
    running.policies.put(policy("good", {"podSelector": {}}))
    await running.enforcer.admit(pod("api"), [ip_address("10.244.1.2")])

    assert running.held("ingress4")["10.244.1.2"].startswith("goto in.shop/good")
    assert "NetworkPolicy shop/bad is not in force: spec.ingress[0].from[0].ipBlock.cidr" in caplog.text


async def test_a_restart_changes_nothing_in_the_kernel(running):
    running.policies.put(policy("p", {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}))
    for number in (2, 3):
        made = pod(f"p-{number}", ip=f"10.244.1.{number}", app=str(number))
        running.pods.put(made)
        await running.enforcer.admit(made, [ip_address(f"10.244.1.{number}")])
    before = running.reader.generation()
    await stop(running)

    again = await start(running.netns, (running.pods, running.namespaces, running.policies))
    try:
        await again.enforcer.admit(running.pods.items["shop/p-2"], [ip_address("10.244.1.2")])
        assert again.reader.generation() == before
    finally:
        await stop(again)


async def test_after_a_refusal_the_kernel_is_read_and_mended(running):
    await running.enforcer.admit(pod("api", app="api"), [ip_address("10.244.1.2")])
    with NftHandle(running.netns) as other:
        table = other.dump("inet", "podwire-policy").tables[0]
        from dataplane.nft.diff import diff
        from dataplane.nft.ruleset import RulesetState

        other.apply(diff(RulesetState((table,)), RulesetState()))

    await running.enforcer.admit(pod("web", app="web"), [ip_address("10.244.1.3")])

    assert set(running.held("ingress4")) == {"10.244.1.2", "10.244.1.3"}


async def test_a_pod_waits_for_a_policy_that_was_acknowledged_before_it(running):
    running.policies.revision = 10
    late = pod("api")
    late["metadata"]["resourceVersion"] = "12"

    admitted = asyncio.create_task(running.enforcer.admit(late, [ip_address("10.244.1.2")]))
    await running.enforcer.admit(pod("other"), [ip_address("10.244.1.3")])
    assert set(running.held("ingress4")) == {"10.244.1.3"}
    assert not admitted.done()

    running.policies.put(policy("deny", {"podSelector": {}}))
    running.policies.revision = 12
    await asyncio.wait_for(admitted, 5)
    assert running.held("ingress4")["10.244.1.2"].startswith("goto in.shop/deny")


async def test_a_pod_that_waits_long_is_logged(running, caplog, monkeypatch):
    monkeypatch.setattr(heard, "PATIENCE_S", 0.01)
    running.namespaces.revision = 10
    late = pod("api")
    late["metadata"]["resourceVersion"] = "12"

    admitted = asyncio.create_task(running.enforcer.admit(late, [ip_address("10.244.1.2")]))
    await running.until(lambda: "pod shop/api waits for its policies" in caplog.text)
    assert not admitted.done()
    running.namespaces.revision = 12
    await asyncio.wait_for(admitted, 5)


async def test_of_pods_that_are_gone_nothing_is_kept(running):
    forced, usual = pod("forced", ip="10.244.1.2"), pod("usual", ip="10.244.1.3")
    for made in (forced, usual):
        running.pods.put(made)
        await running.enforcer.admit(made, [ip_address(made["status"]["podIPs"][0]["ip"])])

    running.pods.remove(forced)  # deleted by force: the API forgets it before its node does
    await running.enforcer.retire("uid-forced", [])
    await running.enforcer.retire("uid-usual", [])
    running.pods.remove(usual)

    assert running.enforcer._retired == set()
    assert running.held("ingress4") == {}
