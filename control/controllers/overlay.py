"""An informer's objects with our own latest writes on top, until the watch has brought them.

Without it a reconcile that comes before its own write's event would write again: a second slice, a Conflict.
"""

from control.client.informer import Informer
from control.controllers.metadata import Object, key_of, uid_of


def _revision(obj: Object) -> int:
    return int(obj["metadata"]["resourceVersion"])


class Overlay:
    """What we wrote and the informer has not shown yet, by group (the owner's key)."""

    def __init__(self, informer: Informer) -> None:
        self._written: dict[str, dict[str, Object]] = {}
        self._gone: dict[str, set[str]] = {}
        informer.on_change(self._seen)
        self._informer = informer

    def merged(self, group: str, objects: list[Object]) -> list[Object]:
        """The informer's objects of a group, brought up to date."""
        written, gone = self._written.get(group), self._gone.get(group, set())
        if not written and not gone:
            return objects
        result = {key_of(obj): obj for obj in objects if uid_of(obj) not in gone}
        result |= written or {}
        return list(result.values())

    def wrote(self, group: str, obj: Object) -> None:
        """The API answered a create or an update with this."""
        key = key_of(obj)
        present = self._informer.items.get(key)
        if present is None or _revision(present) < _revision(obj):
            self._written.setdefault(group, {})[key] = obj

    def deleted(self, group: str, obj: Object) -> None:
        """The API answered a delete."""
        self._drop(key_of(obj))
        if key_of(obj) in self._informer.items:
            self._gone.setdefault(group, set()).add(uid_of(obj))

    def forget(self, group: str) -> None:
        """A write of the group failed: believe the informer alone again."""
        self._written.pop(group, None)
        self._gone.pop(group, None)

    def _drop(self, key: str) -> None:
        for group in [g for g, written in self._written.items() if key in written]:
            del self._written[group][key]
            if not self._written[group]:
                del self._written[group]

    def _seen(self, old: Object | None, new: Object | None) -> None:
        if not self._written and not self._gone:
            return
        if new is not None:
            for group in [g for g, written in self._written.items() if key_of(new) in written]:
                if _revision(self._written[group][key_of(new)]) <= _revision(new):
                    self._drop(key_of(new))
        elif old is not None:
            self._drop(key_of(old))
            for gone in self._gone.values():
                gone.discard(uid_of(old))
            self._gone = {group: gone for group, gone in self._gone.items() if gone}
