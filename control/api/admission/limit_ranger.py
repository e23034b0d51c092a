"""LimitRanger: containers get default amounts from their namespace's LimitRanges, and stay within them."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from control.api.admission.attempt import Attempt, Operation
from control.api.refusals import forbidden
from control.api.request import Json
from control.schema.limit_range import claim_refusals, fill_in, refusals
from control.store.contract import Store

_RANGES: Final = "/limitranges"
_JUDGES: Final[dict[str, Callable[[Json, list[Json]], list[str]]]] = {
    "/pods": refusals,
    "/persistentvolumeclaims": claim_refusals,
}


def _ranges(store: Store, attempt: Attempt) -> Iterator[list[Any]]:
    """The limits of each LimitRange that has a say; none for what they do not judge.

    A pod's containers can't change after its creation, so it is judged only then.
    """
    changes = attempt.operation is Operation.UPDATE and attempt.resource == "/pods"
    if attempt.subresource or attempt.new is None or attempt.resource not in _JUDGES or changes:
        return
    for entry in store.list(_RANGES, attempt.namespace):
        yield entry.parsed()["spec"].get("limits") or []


class LimitDefaults:
    """The part that writes: default requests and limits of containers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def admit(self, attempt: Attempt) -> None:
        """Fill in a new pod's containers."""
        if attempt.resource != "/pods" or attempt.new is None:
            return
        for limits in _ranges(self._store, attempt):
            fill_in(attempt.new, limits)


class LimitBounds:
    """The part that judges."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def admit(self, attempt: Attempt) -> None:
        """Raises Forbidden with all that the first LimitRange refuses."""
        for limits in _ranges(self._store, attempt):
            assert attempt.new is not None
            told = list(dict.fromkeys(_JUDGES[attempt.resource](attempt.new, limits)))
            if told:
                why = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
                raise forbidden(attempt.row, attempt.name, why)
