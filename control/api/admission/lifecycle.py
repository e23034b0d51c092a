"""NamespaceLifecycle: nothing is made in a namespace that is missing or going; some namespaces stay."""

from typing import Final

from control.api.admission.attempt import Attempt, Operation
from control.api.refusals import forbidden
from control.api.request import Json
from control.errors import Cause, NotFound
from control.store.contract import Key, Store

PROTECTED: Final = frozenset({"default", "kube-system", "kube-public"})
NAMESPACES: Final = "/namespaces"


class NamespaceLifecycle:
    """As upstream's plug-in of that name, with NamespaceExists in it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def admit(self, attempt: Attempt) -> None:
        """Raises NotFound, Forbidden."""
        if attempt.resource == NAMESPACES:
            if attempt.operation is Operation.DELETE and attempt.name in PROTECTED:
                raise forbidden(attempt.row, attempt.name, "this namespace may not be deleted")
            return
        if attempt.operation is not Operation.CREATE or not attempt.row.namespaced:
            return
        namespace = attempt.namespace
        entry = self._store.get(Key(NAMESPACES, "", namespace))
        if entry is None:
            raise NotFound(
                f'namespaces "{namespace}" not found', details={"name": namespace, "kind": "namespaces"}
            )
        if entry.attributes.fields.get("status.phase") == "Terminating" or _going(entry.parsed()):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            going = Cause(
                "NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace"
            )
            raise forbidden(attempt.row, attempt.name, why, [going])


def _going(namespace: Json) -> bool:
    return "deletionTimestamp" in namespace["metadata"]
