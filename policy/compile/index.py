"""Which policies select which pods of this node, kept up one change at a time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dataplane.model.verdict import Direction
from policy.compile.labels import Predicate, predicate
from policy.model import Policy, Rule
from policy.world import PodFacts


@dataclass(frozen=True, slots=True)
class _Indexed:
    policy: Policy
    selected: Predicate | None

    def selects(self, pod: PodFacts) -> bool:
        return self.selected is None or self.selected(pod.labels)


def rules_of(policy: Policy, direction: Direction) -> tuple[Rule, ...] | None:
    """The policy's rules in a direction; None when it does not isolate there."""
    return policy.ingress if direction is Direction.INGRESS else policy.egress


class PolicyIndex:
    """All policies of the cluster, and for each pod of this node the names of those that select it."""

    def __init__(self) -> None:
        self._by_namespace: dict[str, dict[str, _Indexed]] = {}
        self._selecting: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return sum(len(inside) for inside in self._by_namespace.values())

    def get(self, key: str) -> Policy | None:
        """The policy of that namespace/name."""
        namespace, _, name = key.partition("/")
        found = self._by_namespace.get(namespace, {}).get(name)
        return found.policy if found else None

    def put(self, policy: Policy, pods: Iterable[PodFacts]) -> list[PodFacts]:
        """Add or replace a policy; of ``pods`` (its namespace's, here) those that it selects or selected."""
        indexed = _Indexed(policy, predicate(policy.pods))
        self._by_namespace.setdefault(policy.namespace, {})[policy.name] = indexed
        return self._select(policy.name, pods, indexed.selects)

    def remove(self, policy: Policy, pods: Iterable[PodFacts]) -> list[PodFacts]:
        """Remove a policy; of ``pods`` those that it selected."""
        inside = self._by_namespace[policy.namespace]
        del inside[policy.name]
        if not inside:
            del self._by_namespace[policy.namespace]
        return self._select(policy.name, pods, lambda _pod: False)

    def place(self, pod: PodFacts) -> None:
        """A pod of this node came, or its labels changed."""
        inside = self._by_namespace.get(pod.namespace, {})
        self._selecting[pod.uid] = {name for name, indexed in inside.items() if indexed.selects(pod)}

    def displace(self, uid: str) -> None:
        """A pod is gone."""
        self._selecting.pop(uid, None)

    def isolating(self, pod: PodFacts, direction: Direction) -> tuple[Policy, ...]:
        """The policies that isolate a pod of this node in a direction, by name."""
        inside = self._by_namespace.get(pod.namespace, {})
        selecting = [inside[name].policy for name in sorted(self._selecting.get(pod.uid, ()))]
        return tuple(policy for policy in selecting if rules_of(policy, direction) is not None)

    def _select(
        self, name: str, pods: Iterable[PodFacts], selects: Callable[[PodFacts], bool]
    ) -> list[PodFacts]:
        touched = []
        for pod in pods:
            names = self._selecting[pod.uid]
            before = name in names
            if selects(pod):
                names.add(name)
                touched.append(pod)
            elif before:
                names.discard(name)
                touched.append(pod)
        return touched
