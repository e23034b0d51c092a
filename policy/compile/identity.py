"""Numbers for pods that no policy can tell apart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from policy.model import PodPeer, Policy
from policy.world import NamedPort, PodFacts


class IdentityKey(NamedTuple):
    """All that peers of policies can look at, of one pod.

    labels: those that some policy's peers ask for. ports: named ports that some egress rule asks for.
    """

    namespace: str
    labels: tuple[tuple[str, str], ...]
    ports: tuple[NamedPort, ...]


@dataclass(slots=True)
class Identities:
    """Gives every pod the number of its key; numbers start at 1.

    What policies ask for only grows: when a policy goes, pods stay told apart until the next start.
    """

    _label_keys: set[str] = field(default_factory=set)
    _port_names: set[str] = field(default_factory=set)
    _numbers: dict[IdentityKey, int] = field(default_factory=dict)
    _keys: dict[int, IdentityKey] = field(default_factory=dict)
    _members: dict[int, set[str]] = field(default_factory=dict)
    _of: dict[str, int] = field(default_factory=dict)
    _last: int = 0

    def ask(self, policy: Policy) -> frozenset[str]:
        """Note what a policy's peers look at; the label keys and port names that are new."""
        labels, names = _asked(policy)
        fresh = frozenset(labels - self._label_keys) | frozenset(names - self._port_names)
        self._label_keys |= labels
        self._port_names |= names
        return fresh

    def assign(self, pod: PodFacts, hint: int | None = None) -> tuple[int, bool]:
        """The pod's number, and whether nobody had it before.

        hint: the number that the pod had until now, in this process or the last one; kept when it is free.
        """
        key = self._key(pod)
        number = self._numbers.get(key)
        fresh = number is None
        if number is None:
            number = hint if hint and hint not in self._keys else self._last + 1
            self._last = max(self._last, number)
            self._numbers[key] = number
            self._keys[number] = key
            self._members[number] = set()
        self._members[number].add(pod.uid)
        self._of[pod.uid] = number
        return number, fresh

    def knows(self, pod: PodFacts) -> bool:
        """The pod has a number and it is still the right one."""
        number = self._of.get(pod.uid)
        return number is not None and self._keys[number] == self._key(pod)

    def reserve(self, numbers: Iterable[int]) -> None:
        """Numbers from before a restart: give none of them to anybody new."""
        self._last = max([self._last, *numbers])

    def forget(self, uid: str) -> int | None:
        """The pod is gone or about to be assigned anew; the number, if nobody has it any more."""
        number = self._of.pop(uid, None)
        if number is None:
            return None
        self._members[number].discard(uid)
        if self._members[number]:
            return None
        del self._members[number]
        del self._numbers[self._keys.pop(number)]
        return number

    def of(self, uid: str) -> int | None:
        """The pod's number."""
        return self._of.get(uid)

    def key(self, number: int) -> IdentityKey:
        """What pods of that number have in common."""
        return self._keys[number]

    def in_use(self) -> Mapping[int, IdentityKey]:
        """All numbers that somebody has."""
        return self._keys

    def _key(self, pod: PodFacts) -> IdentityKey:
        return IdentityKey(
            pod.namespace,
            tuple(sorted((k, v) for k, v in pod.labels.items() if k in self._label_keys)),
            tuple(sorted(port for port in pod.ports if port.name in self._port_names)),
        )


def _asked(policy: Policy) -> tuple[set[str], set[str]]:
    labels: set[str] = set()
    names: set[str] = set()
    for rule in (*(policy.ingress or ()), *(policy.egress or ())):
        for peer in rule.peers:
            if isinstance(peer, PodPeer) and peer.pods is not None:
                labels |= peer.pods.keys
    for rule in policy.egress or ():
        names |= {port.port for port in rule.ports if isinstance(port.port, str)}
    return labels, names
