"""Rules for changing a pod: its spec is fixed but for a few fields."""

from typing import Any

from control.errors import Cause
from control.schema import causes

_FIXED = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_update(new: dict[str, Any], old: dict[str, Any]) -> list[Cause]:
    """An ordinary update of a pod."""
    spec, had = new.get("spec", {}), old.get("spec", {})
    if spec == had:
        return []
    found = _containers(spec, had)
    if found:
        return found
    found += _deadline(spec.get("activeDeadlineSeconds"), had.get("activeDeadlineSeconds"))
    if not _only_added(spec.get("tolerations", []), had.get("tolerations", [])):
        said = "existing toleration can not be modified except its tolerationSeconds"
        found.append(causes.forbidden("spec.tolerations", said))
    if _scheduling_gates(spec, had):
        said = "only deletion is allowed, but found new scheduling gate"
        found.append(causes.forbidden("spec.schedulingGates", said))
    if found:
        return found
    changed = [key for key in spec.keys() | had.keys() if _fixed(key, spec) != _fixed(key, had)]
    if had.get("schedulingGates"):  # a gated pod's placement may still be narrowed
        changed = [key for key in changed if key not in ("nodeSelector", "affinity")]
    if changed:
        return [causes.forbidden("spec", f"{_FIXED}\n{_differences(spec, had, sorted(changed))}")]
    return []


def _fixed(key: str, spec: dict[str, Any]) -> Any:
    """A field as far as it may not change."""
    if key in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        return None
    value = spec.get(key)
    if key in ("containers", "initContainers"):
        return [{name: part for name, part in item.items() if name != "image"} for item in value or ()]
    if key == "terminationGracePeriodSeconds" and value == 1:
        return None if spec.get("terminationGracePeriodSeconds", 0) < 0 else value
    return value


def _containers(spec: dict[str, Any], had: dict[str, Any]) -> list[Cause]:
    found = []
    for group in ("containers", "initContainers"):
        new, old = spec.get(group, []), had.get(group, [])
        if len(new) != len(old):
            found.append(causes.forbidden(f"spec.{group}", "pod updates may not add or remove containers"))
        for index, item in enumerate(new):
            if not item.get("image"):
                found.append(causes.required(f"spec.{group}[{index}].image"))
    return found


def _deadline(new: int | None, old: int | None) -> list[Cause]:
    path = "spec.activeDeadlineSeconds"
    if new is not None and new < 0:
        return causes.non_negative(path, new)
    if old is not None and (new is None or new > old):
        said = "must be less than or equal to previous value"
        return [
            causes.invalid(
                path, new, said if new is not None else "must not update from a positive integer to nil value"
            )
        ]
    return []


def _only_added(new: list[dict[str, Any]], old: list[dict[str, Any]]) -> bool:
    """tolerationSeconds may change, and tolerations may come, but none may go."""

    def bare(item: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in item.items() if key != "tolerationSeconds"}

    have = [bare(item) for item in new]
    return all(bare(item) in have for item in old)


def _scheduling_gates(spec: dict[str, Any], had: dict[str, Any]) -> bool:
    return any(gate not in had.get("schedulingGates", []) for gate in spec.get("schedulingGates", []))


def _differences(spec: dict[str, Any], had: dict[str, Any], changed: list[str]) -> str:
    lines = []
    for key in changed:
        lines += [f"- {key}: {causes.shown(had.get(key))}", f"+ {key}: {causes.shown(spec.get(key))}"]
    return "\n".join(lines)
