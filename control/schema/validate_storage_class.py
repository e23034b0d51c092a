"""Rules for StorageClass. Source: upstream's ``ValidateStorageClass`` and its declared immutable fields."""

from collections.abc import Mapping
from typing import Any, Final

from control.errors import Cause
from control.schema import causes, formats
from control.schema.validate_declared import declared_update

_MESSAGE: Final = "k8s.io.api.storage.v1.StorageClass"
_POLICIES: Final = ("Delete", "Retain")
_BINDING: Final = ("Immediate", "WaitForFirstConsumer")
_PARAMETERS_MOST: Final = 512
_PARAMETER_BYTES_MOST: Final = 256 << 10


def storage_class(obj: Mapping[str, Any]) -> list[Cause]:
    """Provisioner, parameters, policies and topologies."""
    provisioner, policy = obj.get("provisioner", ""), obj.get("reclaimPolicy", "")
    if provisioner:
        found = causes.all_invalid("provisioner", provisioner, formats.qualified_name(provisioner.lower()))
    else:
        found = [causes.required("provisioner")]
    found += _parameters(obj.get("parameters") or {})
    if policy and policy not in _POLICIES:
        found.append(causes.not_supported("reclaimPolicy", policy, _POLICIES))
    mode = obj.get("volumeBindingMode")
    if mode is None:
        found.append(causes.required("volumeBindingMode"))
    elif mode not in _BINDING:
        found.append(causes.not_supported("volumeBindingMode", mode, _BINDING))
    return found + _topologies(obj.get("allowedTopologies") or [])


def storage_class_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """All that says where volumes come from is fixed."""
    return declared_update(_MESSAGE, new, old)


def _parameters(parameters: Mapping[str, str]) -> list[Cause]:
    if len(parameters) > _PARAMETERS_MOST:
        return [causes.too_long("parameters", _PARAMETERS_MOST)]
    found = [causes.invalid("parameters", "", "field can not be empty.")] if "" in parameters else []
    size = sum(len(key.encode()) + len(value.encode()) for key, value in parameters.items())
    if size > _PARAMETER_BYTES_MOST:
        found.append(causes.too_long("parameters", _PARAMETER_BYTES_MOST))
    return found


def _topologies(terms: list[dict[str, Any]]) -> list[Cause]:
    """Terms of which one must hold, no two the same; upstream leaves the term's index out of most paths."""
    found: list[Cause] = []
    known: list[dict[str, set[str]]] = [{}]
    for index, term in enumerate(terms):
        values: dict[str, set[str]] = {}
        for number, item in enumerate(term.get("matchLabelExpressions", ())):
            at, key = f"allowedTopologies.matchLabelExpressions[{number}]", item.get("key", "")
            found += _requirement(item, at)
            if key in values:
                found.append(causes.duplicate(f"{at}.key", key))
            values[key] = set(item.get("values", ()))
        if values in known:
            found.append(causes.duplicate(f"allowedTopologies[{index}].matchLabelExpressions", ""))
        known.append(values)
    return found


def _requirement(item: Mapping[str, Any], path: str) -> list[Cause]:
    key, values = item.get("key", ""), item.get("values", [])
    found = [] if values else [causes.required(f"{path}.values")]
    found += [
        causes.duplicate(f"{path}.values[{index}]", value)
        for index, value in enumerate(values)
        if value in values[:index]
    ]
    return found + causes.all_invalid(f"{path}.key", key, formats.qualified_name(key))
