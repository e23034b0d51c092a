"""Who uses how much of each ResourceQuota: an index of the store's objects, and of writes under way.

Only namespaces that have quotas are indexed, and of them only the resources that a quota counts; a change costs
one object. Admission and the quotas' status read it, so they never disagree.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from control.api.request import Json
from control.schema import quantity
from control.schema.pod_resources import shown
from control.schema.quota import NOTHING, Charge, charge_of, resource_of, selects
from control.store.contract import Change, Event, Key, Store

QUOTAS: Final = "/resourcequotas"


@dataclass(slots=True)
class Quota:
    """One quota: its bounds as given and as amounts, and what is used of each."""

    name: str
    spec: Json
    hard: dict[str, Decimal]
    used: dict[str, Decimal]

    def count(self, charge: Charge, sign: int) -> None:
        """Add (1) or take away (-1) what an object uses."""
        for name, amount in self.counted(charge).items():
            self.used[name] += sign * amount

    def counted(self, charge: Charge) -> dict[str, Decimal]:
        """The part of an object's usage that this quota bounds."""
        if not selects(self.spec, charge):
            return {}
        return {name: amount for name, amount in charge.amounts.items() if name in self.hard}

    def status(self) -> Json:
        """As its status has it."""
        used = {name: shown(name, amount) for name, amount in self.used.items()}
        return {"hard": dict(self.spec.get("hard") or {}), "used": used}


@dataclass(slots=True)
class _Namespace:
    quotas: dict[str, Quota] = field(default_factory=dict)
    charges: dict[Key, Charge] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    """Resources whose objects stand in ``charges``."""


class QuotaLedger:
    """The index. on_change: called with a quota's key when its status is to be written anew."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._namespaces: dict[str, _Namespace] = {}
        self._heard: set[str] = set()
        self.on_change: Callable[[Key], None] = lambda _: None

    def start(self) -> None:
        """Read what is stored, and listen from now on."""
        self._store.subscribe(QUOTAS, self._take_quotas)
        for entry in self._store.list(QUOTAS):
            self._set_quota(entry.key, entry.parsed())

    def quotas(self, namespace: str) -> Sequence[Quota]:
        """A namespace's quotas, by name."""
        known = self._namespaces.get(namespace)
        return [known.quotas[name] for name in sorted(known.quotas)] if known else ()

    def quota(self, key: Key) -> Quota | None:
        """One quota."""
        known = self._namespaces.get(key.namespace)
        return known.quotas.get(key.name) if known else None

    def charge(self, key: Key) -> Charge:
        """What an object counts for now."""
        known = self._namespaces.get(key.namespace)
        return known.charges.get(key, NOTHING) if known else NOTHING

    def set(self, key: Key, charge: Charge) -> None:
        """An object counts for this much from now on (``NOTHING``: it is gone)."""
        known = self._namespaces.get(key.namespace)
        if known is None or key.resource not in known.counted:
            return
        before = known.charges.pop(key, NOTHING)
        if charge is not NOTHING:
            known.charges[key] = charge
        if before == charge:
            return
        for quota in known.quotas.values():
            quota.count(before, -1)
            quota.count(charge, 1)
            if quota.counted(before) != quota.counted(charge):
                self.on_change(Key(QUOTAS, key.namespace, quota.name))

    def refresh(self, key: Key) -> None:
        """An object counts as it is stored: a write that had been counted failed."""
        entry = self._store.get(key)
        self.set(key, charge_of(key.resource, entry.parsed()) if entry is not None else NOTHING)

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            key = event.entry.key
            if key.namespace in self._namespaces:
                gone = event.change is Change.DELETED
                self.set(key, NOTHING if gone else charge_of(key.resource, event.entry.parsed()))

    def _take_quotas(self, events: Sequence[Event]) -> None:
        for event in events:
            key = event.entry.key
            if event.change is not Change.DELETED:
                self._set_quota(key, event.entry.parsed())
            elif (known := self._namespaces.get(key.namespace)) is not None:
                known.quotas.pop(key.name, None)
                if not known.quotas:
                    del self._namespaces[key.namespace]

    def _set_quota(self, key: Key, obj: Json) -> None:
        known = self._namespaces.setdefault(key.namespace, _Namespace())
        spec: Json = obj.get("spec") or {}
        have = known.quotas.get(key.name)
        if have is None or have.spec != spec:
            hard = {name: quantity.parse(amount) for name, amount in (spec.get("hard") or {}).items()}
            have = Quota(key.name, spec, hard, dict.fromkeys(hard, Decimal(0)))
            for resource in {resource_of(name) for name in hard} - known.counted:
                self._count(known, resource, key.namespace)
            for charge in known.charges.values():
                have.count(charge, 1)
            known.quotas[key.name] = have
        if (obj.get("status") or {}) != have.status():
            self.on_change(key)

    def _count(self, known: _Namespace, resource: str, namespace: str) -> None:
        """Index one more resource of a namespace."""
        known.counted.add(resource)
        if resource not in self._heard:
            self._heard.add(resource)
            self._store.subscribe(resource, self._take)
        for entry in self._store.list(resource, namespace):
            known.charges[entry.key] = charge = charge_of(resource, entry.parsed())
            for quota in known.quotas.values():
                quota.count(charge, 1)


def listed(amounts: Mapping[str, Decimal]) -> str:
    """Amounts as refusals list them."""
    return ",".join(f"{name}={shown(name, amounts[name])}" for name in sorted(amounts))
