"""Rules for changing a pod: its spec is fixed but for a few fields."""

import difflib
import json
from typing import Any

from control.errors import Cause
from control.schema import causes
from control.schema.validate_container import images
from control.schema.validate_pod import pod_spec

_FIXED = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_update(new: dict[str, Any], old: dict[str, Any]) -> list[Cause]:
    """An ordinary update of a pod: still a good pod, and only what may change has changed."""
    spec, had = new.get("spec", {}), old.get("spec", {})
    if spec == had:
        return []
    found = pod_spec(spec, "spec")
    for group in ("containers", "initContainers"):
        if len(spec.get(group, [])) != len(had.get(group, [])):
            return [*found, causes.forbidden(f"spec.{group}", "pod updates may not add or remove containers")]
        found += images(spec.get(group, []), f"spec.{group}")
    wrong = _deadline(spec.get("activeDeadlineSeconds"), had.get("activeDeadlineSeconds"))
    if wrong:
        return found + wrong
    if not _only_added(spec.get("tolerations", []), had.get("tolerations", [])):
        said = "existing toleration can not be modified except its tolerationSeconds"
        found.append(causes.forbidden("spec.tolerations", said))
    found += _new_gates(spec, had)
    changed = [key for key in spec.keys() | had.keys() if _fixed(key, spec, had) != _fixed(key, had, had)]
    if had.get("schedulingGates"):  # a gated pod's placement may still be narrowed
        changed = [key for key in changed if key not in ("nodeSelector", "affinity")]
    if changed:
        found.append(causes.forbidden("spec", f"{_FIXED}\n{differences(spec, had)}"))
    return found


def _fixed(key: str, spec: dict[str, Any], had: dict[str, Any]) -> Any:
    """A field as far as it may not change."""
    if key in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        return None
    value = spec.get(key)
    if key in ("containers", "initContainers"):
        return [{name: part for name, part in item.items() if name != "image"} for item in value or ()]
    if key == "terminationGracePeriodSeconds" and had.get(key, 0) < 0 and value in (1, had[key]):
        return None
    return value


def ephemeral_update(new: dict[str, Any], old: dict[str, Any]) -> list[Cause]:
    """A write of the ``ephemeralcontainers`` subresource: those that are there stay as they are."""
    at = "spec.ephemeralContainers"
    found = pod_spec(new["spec"], "spec")
    now = {item["name"]: item for item in new.get("spec", {}).get("ephemeralContainers", ())}
    for item in old.get("spec", {}).get("ephemeralContainers", ()):
        name = item["name"]
        if name not in now:
            found.append(causes.forbidden(at, f'existing ephemeral containers "{name}" may not be removed\n'))
        elif now[name] != item:
            said = (
                f'existing ephemeral containers "{name}" may not be changed\n{differences(now[name], item)}'
            )
            found.append(causes.forbidden(at, said))
    return found


def _deadline(new: int | None, old: int | None) -> list[Cause]:
    path = "spec.activeDeadlineSeconds"
    if new is None:
        said = "must not update from a positive integer to nil value"
        return [] if old is None else [causes.invalid(path, None, said)]
    if not 0 <= new < 1 << 31:
        return [causes.invalid(path, new, f"must be between 0 and {(1 << 31) - 1}, inclusive")]
    if old is not None and old < new:
        return [causes.invalid(path, new, "must be less than or equal to previous value")]
    return []


def _only_added(new: list[dict[str, Any]], old: list[dict[str, Any]]) -> bool:
    """tolerationSeconds may change, and tolerations may come, but none may go."""

    def bare(item: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in item.items() if key != "tolerationSeconds"}

    have = [bare(item) for item in new]
    return all(bare(item) in have for item in old)


def _new_gates(spec: dict[str, Any], had: dict[str, Any]) -> list[Cause]:
    known = {gate.get("name") for gate in had.get("schedulingGates", ())}
    found = []
    for index, gate in enumerate(spec.get("schedulingGates", ())):
        if gate.get("name") not in known:
            said = f"only deletion is allowed, but found new scheduling gate '{gate.get('name', '')}'"
            found.append(causes.forbidden(f"spec.schedulingGates[{index}].name", said))
    return found


def differences(spec: dict[str, Any], had: dict[str, Any]) -> str:
    """Both as JSON, compared line by line."""
    before, after = (json.dumps(side, indent=1, sort_keys=True).splitlines() for side in (had, spec))
    return "\n".join(list(difflib.unified_diff(before, after, lineterm=""))[2:])
