"""Selectors of peers turned into sets of identities, kept up as identities and namespaces change."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from policy.compile.identity import IdentityKey
from policy.compile.labels import Predicate, predicate
from policy.model import PodPeer, Selector


class PeerKey(NamedTuple):
    """One way to select pods; equal keys select the same pods.

    namespace: where ``namespaces`` is None, the only namespace.
    """

    namespace: str
    namespaces: Selector | None
    pods: Selector | None

    @classmethod
    def of(cls, peer: PodPeer, policy_namespace: str) -> "PeerKey":
        """The key of a policy's peer."""
        if peer.namespaces is None:
            return cls(policy_namespace, None, peer.pods)
        return cls("", peer.namespaces, peer.pods)


EVERY_POD = PeerKey("", Selector(), None)


@dataclass(slots=True)
class _PeerSet:
    key: PeerKey
    in_namespace: Predicate | None
    in_pods: Predicate | None
    members: set[int] = field(default_factory=set)
    users: set[str] = field(default_factory=set)


class PeerSets:
    """The peer sets that groups of this node use, each with its members and its users."""

    def __init__(self) -> None:
        self._sets: dict[PeerKey, _PeerSet] = {}
        self._namespaces: dict[str, Mapping[str, str]] = {}

    def use(self, key: PeerKey, user: str, identities: Mapping[int, IdentityKey]) -> None:
        """Keep a set for a user (a group's name); filled when it is the first."""
        found = self._sets.get(key)
        if found is None:
            found = _PeerSet(key, predicate(key.namespaces), predicate(key.pods))
            found.members = {n for n, identity in identities.items() if self._selected(found, identity)}
            self._sets[key] = found
        found.users.add(user)

    def release(self, key: PeerKey, user: str) -> None:
        """The user is gone; the set goes with its last one."""
        found = self._sets[key]
        found.users.discard(user)
        if not found.users:
            del self._sets[key]

    def members(self, key: PeerKey) -> set[int]:
        """Identities in a set that somebody uses."""
        return self._sets[key].members

    def add(self, number: int, identity: IdentityKey) -> set[str]:
        """A new identity; the users of the sets that it joins."""
        touched: set[str] = set()
        for peer_set in self._sets.values():
            if self._selected(peer_set, identity):
                peer_set.members.add(number)
                touched |= peer_set.users
        return touched

    def remove(self, number: int) -> set[str]:
        """An identity that nobody has any more; the users of the sets that it leaves."""
        touched: set[str] = set()
        for peer_set in self._sets.values():
            if number in peer_set.members:
                peer_set.members.discard(number)
                touched |= peer_set.users
        return touched

    def set_namespace(
        self, name: str, labels: Mapping[str, str] | None, identities: Mapping[int, IdentityKey]
    ) -> set[str]:
        """A namespace's labels (None: it is gone); the users of the sets that change."""
        if self._namespaces.get(name) == labels:
            return set()
        if labels is None:
            del self._namespaces[name]
        else:
            self._namespaces[name] = labels
        inside = {n: identity for n, identity in identities.items() if identity.namespace == name}
        touched: set[str] = set()
        for peer_set in self._by_namespace_labels():
            before = peer_set.members & inside.keys()
            after = {n for n, identity in inside.items() if self._selected(peer_set, identity)}
            if before != after:
                peer_set.members -= before
                peer_set.members |= after
                touched |= peer_set.users
        return touched

    def _by_namespace_labels(self) -> Iterator[_PeerSet]:
        return (s for s in self._sets.values() if s.key.namespaces is not None)

    def _selected(self, peer_set: _PeerSet, identity: IdentityKey) -> bool:
        if peer_set.key.namespaces is None:
            if identity.namespace != peer_set.key.namespace:
                return False
        else:
            labels = self._namespaces.get(identity.namespace)
            if labels is None or (peer_set.in_namespace is not None and not peer_set.in_namespace(labels)):
                return False
        return peer_set.in_pods is None or peer_set.in_pods(dict(identity.labels))
