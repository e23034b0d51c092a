"""Changes of pods, namespaces and policies, one at a time, to the least change of a node's verdict table.

A pod of a known identity costs one element; a policy's rules cost the elements that differ; only groups that a
change touches are computed again.
"""

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from dataplane.model.address import IPAddress, IPNetwork
from dataplane.model.origin import Origin
from dataplane.model.verdict import (
    FREE,
    Allowance,
    Direction,
    GroupChange,
    Identity,
    PodVerdict,
    VerdictDelta,
    VerdictGroup,
    VerdictTable,
)
from policy.compile.groups import GroupPlan, PlanCache, allows, forms
from policy.compile.identity import Identities
from policy.compile.index import PolicyIndex
from policy.compile.peers import PeerSets
from policy.model import Policy
from policy.world import NamespaceFacts, PodFacts

K = TypeVar("K")
V = TypeVar("V")


class Compiler:
    """The verdict table of one node, kept up.

    Every ``set_…`` and ``remove_…`` only notes what changes; ``take`` gives the difference from the last
    ``take``. Not safe for threads: one owner.
    """

    def __init__(
        self, node: str, local: tuple[IPNetwork, ...], before: Mapping[IPAddress, int] | None = None
    ) -> None:
        """before: identities that the kernel holds from before a restart, so that numbers stay."""
        self._node, self._local = node, local
        self._before = dict(before or {})
        self._pods: dict[str, PodFacts] = {}
        self._owners: dict[IPAddress, str] = {}
        self._here: dict[str, set[str]] = {}
        self._groups_of: dict[str, tuple[str, str]] = {}
        self._plans: dict[str, GroupPlan] = {}
        self._members: Counter[str] = Counter()
        self._identities = Identities()
        self._unidentified: set[str] = set()
        self._ungrouped: set[str] = set()
        self._identities.reserve(self._before.values())
        self._peers = PeerSets()
        self._policies = PolicyIndex()
        self._dirty_addresses: set[IPAddress] = set()
        self._dirty_groups: set[str] = set()
        self._published = VerdictTable({}, {}, {}, local)

    def set_pod(self, pod: PodFacts) -> None:
        """A pod came, or changed. One without addresses, finished, or on its host's network has no part."""
        before = self._pods.get(pod.uid)
        if before == pod:
            return
        if not pod.ips or pod.finished or pod.host_network:
            self.remove_pod(pod.uid)
            return
        self._pods[pod.uid] = pod
        for address in before.ips if before else ():
            if address not in pod.ips and self._owners.get(address) == pod.uid:
                del self._owners[address]
                self._dirty_addresses.add(address)
        for address in pod.ips:
            self._owners[address] = pod.uid
            self._dirty_addresses.add(address)
        self._unidentified.add(pod.uid)
        if pod.node == self._node:
            self._here.setdefault(pod.namespace, set()).add(pod.uid)
            self._policies.place(pod)
            self._ungrouped.add(pod.uid)

    def remove_pod(self, uid: str) -> None:
        """A pod is gone, and with it all that its addresses may do."""
        pod = self._pods.pop(uid, None)
        if pod is None:
            return
        for address in pod.ips:
            if self._owners.get(address) == uid:
                del self._owners[address]
                self._dirty_addresses.add(address)
        self._here.get(pod.namespace, set()).discard(uid)
        self._policies.displace(uid)
        for name in self._groups_of.pop(uid, ()):
            self._leave(name)
        gone = self._identities.forget(uid)
        if gone is not None:
            self._dirty_groups |= self._peers.remove(gone)

    def set_namespace(self, namespace: NamespaceFacts) -> None:
        """A namespace came, or its labels changed."""
        self._dirty_groups |= self._peers.set_namespace(
            namespace.name, dict(namespace.labels), self._identities.in_use()
        )

    def remove_namespace(self, name: str) -> None:
        """A namespace is gone."""
        self._dirty_groups |= self._peers.set_namespace(name, None, self._identities.in_use())

    def set_policy(self, policy: Policy) -> None:
        """A policy came, or changed."""
        if self._policies.get(policy.key) == policy:
            return
        fresh = self._identities.ask(policy)
        if fresh:
            for pod in self._pods.values():
                if fresh & pod.labels.keys() or any(port.name in fresh for port in pod.ports):
                    self._unidentified.add(pod.uid)
        touched = self._policies.put(policy, self._pods_here(policy.namespace))
        self._ungrouped.update(pod.uid for pod in touched)

    def remove_policy(self, key: str) -> None:
        """A policy (namespace/name) is gone."""
        policy = self._policies.get(key)
        if policy is not None:
            touched = self._policies.remove(policy, self._pods_here(policy.namespace))
            self._ungrouped.update(pod.uid for pod in touched)

    @property
    def policies(self) -> int:
        """How many policies there are."""
        return len(self._policies)

    def take(self) -> VerdictDelta:
        """What changed since the last time; false when nothing did."""
        self._identify()
        self._regroup()
        have = self._published
        groups = dict(have.groups)
        new, changed = [], []
        for name in sorted(self._dirty_groups & self._plans.keys()):
            group = self._group(self._plans[name])
            before = groups.get(name)
            groups[name] = group
            if before is None:
                new.append(group)
            elif before != group:
                changed.append(_change(before, group))
        gone = [
            groups.pop(name) for name in sorted(self._dirty_groups - self._plans.keys()) if name in groups
        ]
        identities: dict[IPAddress, Identity | None] = {}
        pods: dict[IPAddress, PodVerdict | None] = {}
        for address in sorted(self._dirty_addresses, key=lambda a: (a.version, int(a))):
            identity, verdict = self._identity(address), self._verdict(address)
            if have.identities.get(address) != identity:
                identities[address] = identity
            if have.pods.get(address) != verdict:
                pods[address] = verdict
        self._dirty_addresses.clear()
        self._dirty_groups.clear()
        delta = VerdictDelta(identities, pods, tuple(new), tuple(changed), tuple(gone))
        self._publish(delta, groups)
        return delta

    def table(self) -> VerdictTable:
        """All of it, as last taken."""
        have = self._published
        return VerdictTable(dict(have.identities), dict(have.pods), dict(have.groups), self._local)

    def _publish(self, delta: VerdictDelta, groups: Mapping[str, VerdictGroup]) -> None:
        # The published maps are ours alone (``table`` copies), so a change costs what it changes.
        identities, pods = self._published.identities, self._published.pods
        assert isinstance(identities, dict)
        assert isinstance(pods, dict)
        _update(identities, delta.identities)
        _update(pods, delta.pods)
        self._published = VerdictTable(identities, pods, groups, self._local)

    def _identify(self) -> None:
        """Give numbers to pods that came or changed; where one can stay, it stays."""
        pods = [self._pods[uid] for uid in sorted(self._unidentified & self._pods.keys())]
        pods = [pod for pod in pods if not self._identities.knows(pod)]
        hints: dict[str, int | None] = {}
        for pod in pods:
            before = next((self._before[ip] for ip in pod.ips if ip in self._before), None)
            hints[pod.uid] = self._identities.of(pod.uid) or before
            gone = self._identities.forget(pod.uid)
            if gone is not None:
                self._dirty_groups |= self._peers.remove(gone)
        for pod in pods:
            number, fresh = self._identities.assign(pod, hints[pod.uid])
            if fresh:
                self._dirty_groups |= self._peers.add(number, self._identities.key(number))
            self._dirty_addresses.update(pod.ips)
        self._unidentified.clear()
        self._before.clear()

    def _pods_here(self, namespace: str) -> list[PodFacts]:
        return [self._pods[uid] for uid in self._here.get(namespace, ())]

    def _regroup(self) -> None:
        """Put pods that policies changed for into the groups of those that select them now."""
        plans = PlanCache()
        for uid in sorted(self._ungrouped & self._pods.keys()):
            pod = self._pods[uid]
            before = self._groups_of.get(pod.uid, (FREE, FREE))
            ingress, egress = (
                self._join(plans.plan(direction, self._policies.isolating(pod, direction), pod))
                for direction in (Direction.INGRESS, Direction.EGRESS)
            )
            self._groups_of[pod.uid] = (ingress, egress)
            for name in before:
                self._leave(name)
            if before != (ingress, egress):
                self._dirty_addresses.update(pod.ips)
        self._ungrouped.clear()

    def _join(self, group: GroupPlan | None) -> str:
        if group is None:
            return FREE
        before = self._plans.get(group.name)
        if before is None or before.policies != group.policies:
            for key in group.peer_keys - (before.peer_keys if before else frozenset()):
                self._peers.use(key, group.name, self._identities.in_use())
            for key in (before.peer_keys if before else frozenset()) - group.peer_keys:
                self._peers.release(key, group.name)
            self._dirty_groups.add(group.name)
        self._plans[group.name] = group
        self._members[group.name] += 1
        return group.name

    def _leave(self, name: str) -> None:
        if name == FREE:
            return
        self._members[name] -= 1
        if not self._members[name]:
            del self._members[name]
            for key in self._plans.pop(name).peer_keys:
                self._peers.release(key, name)
            self._dirty_groups.add(name)

    def _group(self, group: GroupPlan) -> VerdictGroup:
        return VerdictGroup(
            group.name,
            group.direction,
            forms(group),
            allows(group, self._peers, self._identities.in_use()),
            tuple(policy.origin for policy in group.policies),
        )

    def _identity(self, address: IPAddress) -> Identity | None:
        uid = self._owners.get(address)
        number = self._identities.of(uid) if uid is not None else None
        return Identity(number, self._pods[uid].origin) if uid is not None and number is not None else None

    def _verdict(self, address: IPAddress) -> PodVerdict | None:
        uid = self._owners.get(address)
        groups = self._groups_of.get(uid) if uid is not None else None
        return PodVerdict(*groups, self._pods[uid].origin) if uid is not None and groups else None


def _change(before: VerdictGroup, after: VerdictGroup) -> GroupChange:
    added = {a: o for a, o in after.allows.items() if a not in before.allows}
    removed: dict[Allowance, Origin] = {a: o for a, o in before.allows.items() if a not in after.allows}
    return GroupChange(after, added, removed)


def _update(table: dict[K, V], changes: Mapping[K, V | None]) -> None:
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
