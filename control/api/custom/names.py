"""Which names a CustomResourceDefinition gets, and the conditions that say so, in upstream's words. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from control.api.metadata import timestamp
from control.api.request import Json
from control.schema.resource import ResourceRow

CLEANUP: Final = "customresourcecleanup.apiextensions.k8s.io"
"""The finalizer that keeps a definition until its objects are gone."""
_APPROVED: Final = "api-approved.kubernetes.io"
_RESOURCES: Final = (
    ("plural", "PluralConflict"),
    ("singular", "SingularConflict"),
    ("shortNames", "ShortNamesConflict"),
)
_KINDS: Final = (("kind", "KindConflict"), ("listKind", "ListKindConflict"))


def settled(definition: Json, others: Iterable[Json], builtin: Iterable[ResourceRow]) -> Json:
    """The definition with acceptedNames, NamesAccepted and Established as they are to be; itself when they are.

    others: all other definitions; builtin: the rows of kinds that are no custom ones.
    """
    spec, status = definition["spec"], definition.get("status") or {}
    taken_resources, taken_kinds = _taken(spec["group"], others, builtin)
    asked, accepted = spec["names"], dict(status.get("acceptedNames") or {})
    conflict = ("NoConflicts", "no conflicts found")
    for keys, taken in ((_RESOURCES, taken_resources), (_KINDS, taken_kinds)):
        for key, reason in keys:
            wanted = asked.get(key)
            names = wanted if isinstance(wanted, list) else [wanted] if wanted else []
            held = [name for name in names if name in taken]
            if held:
                told = ", ".join(f'"{name}" is already in use' for name in held)
                conflict = (reason, told)
            else:
                accepted[key] = wanted
    if conflict[0] == "NoConflicts":
        accepted = {key: asked.get(key) for key in ("plural", "singular", "shortNames", "kind", "listKind")}
    accepted["categories"] = asked.get("categories")
    accepted = {key: value for key, value in accepted.items() if value}
    accepted = {"kind": "", "plural": ""} | accepted
    new: Json = {**definition, "status": {**status, "acceptedNames": accepted}}
    good = conflict[0] == "NoConflicts"
    set_condition(new, "NamesAccepted", good, *conflict)
    if good:
        set_condition(
            new, "Established", True, "InitialNamesAccepted", "the initial names have been accepted"
        )
    elif not _is(status, "Established"):
        set_condition(new, "Established", False, "NotAccepted", "not all names are accepted")
    _approval(new)
    return new if new != definition else definition


def _taken(
    group: str, others: Iterable[Json], builtin: Iterable[ResourceRow]
) -> tuple[frozenset[str], frozenset[str]]:
    resources: set[Any] = set()
    kinds: set[Any] = set()
    for row in builtin:
        if row.group == group:
            resources |= {row.plural, row.singular, *row.short_names}
            kinds |= {row.kind, row.kind + "List"}
    for other in others:
        if other["spec"]["group"] == group:
            names = (other.get("status") or {}).get("acceptedNames") or {}
            resources |= {names.get("plural"), names.get("singular"), *(names.get("shortNames") or ())}
            kinds |= {names.get("kind"), names.get("listKind")}
    return frozenset(filter(None, resources)), frozenset(filter(None, kinds))


def _approval(definition: Json) -> None:
    """Groups of the Kubernetes project carry the URL of their review."""
    group = definition["spec"]["group"]
    if not group.endswith((".k8s.io", ".kubernetes.io")):
        return
    said = (definition["metadata"].get("annotations") or {}).get(_APPROVED, "")
    if said.startswith("unapproved"):
        why = f'not approved: "{said}"'
        set_condition(definition, "KubernetesAPIApprovalPolicyConformant", False, "UnapprovedAnnotation", why)
    elif said:
        why = f"approved in {said}"
        set_condition(definition, "KubernetesAPIApprovalPolicyConformant", True, "ApprovedAnnotation", why)


def set_condition(definition: Json, kind: str, good: bool, reason: str, message: str) -> None:  # noqa: FBT001
    """Write one status condition; its transition time stays while its status does. The status is made anew."""
    status: Json = dict(definition.get("status") or {})
    conditions = list(status.get("conditions") or ())
    said = "True" if good else "False"
    made = {"type": kind, "status": said, "reason": reason, "message": message}
    before = next((one for one in conditions if one.get("type") == kind), None)
    changed = before is None or before.get("status") != said
    made["lastTransitionTime"] = timestamp() if changed else before["lastTransitionTime"]  # type: ignore[index]
    if before is None:
        conditions.append(made)
    else:
        conditions[conditions.index(before)] = made
    status["conditions"] = conditions
    definition["status"] = status


def mark_terminating(definition: Json) -> None:
    """What a deletion writes into a definition: the finalizer and the condition. In place."""
    finalizers = definition["metadata"].setdefault("finalizers", [])
    if CLEANUP not in finalizers:
        finalizers.append(CLEANUP)
    set_condition(
        definition,
        "Terminating",
        True,
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    )


def _is(status: Mapping[str, Any], kind: str) -> bool:
    return any(one["type"] == kind and one["status"] == "True" for one in status.get("conditions") or ())
