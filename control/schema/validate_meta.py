"""Rules for metadata, labels and label selectors."""

from collections.abc import Callable, Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.resource import ResourceRow

_ANNOTATIONS_LIMIT = 256 * 1024
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_LENIENT_GROUPS = ("apiextensions.k8s.io", "apiregistration.k8s.io")
"""Upstream validates their metadata without the core kinds' extra rule for finalizers."""
_NAMES: dict[str, Callable[[str], tuple[str, ...]]] = {
    "namespaces": formats.label,
    "services": formats.label,
    "events": formats.path_segment,
    "poddisruptionbudgets.policy": formats.path_segment,
    "statefulsets.apps": formats.label,
    "roles.rbac.authorization.k8s.io": formats.path_segment,
    "rolebindings.rbac.authorization.k8s.io": formats.path_segment,
    "clusterroles.rbac.authorization.k8s.io": formats.path_segment,
    "clusterrolebindings.rbac.authorization.k8s.io": formats.path_segment,
    "certificatesigningrequests.certificates.k8s.io": formats.subdomain,
    "clustertrustbundles.certificates.k8s.io": lambda name: (),  # its own rule: signer:name
    "ipaddresses.networking.k8s.io": lambda name: () if formats.address(name) else (formats.ADDRESS_WORDS,),
}
_CONDITIONS = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def name_rule(row: ResourceRow) -> Callable[[str], tuple[str, ...]]:
    """What an object of this kind may be called."""
    return _NAMES.get(row.qualified, formats.subdomain)


def metadata(row: ResourceRow, meta: Mapping[str, Any]) -> list[Cause]:
    """Rules of any object's metadata."""
    found: list[Cause] = []
    name, prefix = meta.get("name", ""), meta.get("generateName", "")
    rule = name_rule(row)
    if prefix:
        masked = prefix[:-1] + "a" if prefix.endswith("-") and len(prefix) > 1 else prefix
        found += causes.all_invalid("metadata.generateName", prefix, rule(masked))
    if not name:
        if row.qualified != "events":
            found.append(causes.required("metadata.name", "name or generateName is required"))
    else:
        found += causes.all_invalid("metadata.name", name, rule(name))
    namespace = meta.get("namespace", "")
    if row.qualified == "events":
        pass  # the oldest kind: its own rule knows the namespace
    elif row.namespaced:
        if not namespace:
            found.append(causes.required("metadata.namespace"))
        else:
            found += causes.all_invalid("metadata.namespace", namespace, formats.label(namespace))
    elif namespace:
        found.append(causes.forbidden("metadata.namespace", "not allowed on this type"))
    if meta.get("labels"):
        found += labels(meta["labels"], "metadata.labels")
    if meta.get("annotations"):
        found += annotations(meta["annotations"], "metadata.annotations")
    if meta.get("ownerReferences"):
        found += _owners(meta["ownerReferences"])
    lenient = row.custom is not None or row.group in _LENIENT_GROUPS
    for index, finalizer in enumerate(meta.get("finalizers", ())):
        found += _finalizer(finalizer, index, lenient=lenient)
    return found


def finalizer_warnings(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    """Of a custom object's metadata: finalizers that were added without a domain, which upstream lets pass."""
    told = []
    for name in sorted(set(new.get("finalizers", ())) - set(old.get("finalizers", ()))):
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            path = " including a path (/)" if "." in name else ""
            told.append(
                f'metadata.finalizers: "{name}": prefer a domain-qualified finalizer name{path}'
                " to avoid accidental conflicts with other finalizer writers"
            )
    return told


def labels(values: Mapping[str, str], path: str) -> list[Cause]:
    """Keys and values of labels."""
    found: list[Cause] = []
    for key, value in values.items():
        wrong = formats.qualified_name(key)
        if wrong:
            found += causes.all_invalid(path, key, wrong)
        wrong = formats.label_value(value)
        if wrong:
            found += causes.all_invalid(path, value, wrong)
    return found


def annotations(values: Mapping[str, str], path: str) -> list[Cause]:
    """Keys, and the size of all of them together."""
    found: list[Cause] = []
    size = 0
    for key, value in values.items():
        wrong = formats.qualified_name(key.lower())
        if wrong:
            found += causes.all_invalid(path, key, wrong)
        size += len(key) + len(value)
    if size > _ANNOTATIONS_LIMIT // 4:  # count bytes only when letters could exceed the limit
        size = sum(len(key.encode()) + len(value.encode()) for key, value in values.items())
        if size > _ANNOTATIONS_LIMIT:
            found.append(causes.too_long(path, _ANNOTATIONS_LIMIT))
    return found


def _owners(owners: list[Mapping[str, Any]]) -> list[Cause]:
    found: list[Cause] = []
    path, controller = "metadata.ownerReferences", ""
    for index, owner in enumerate(owners):
        at = f"{path}[{index}]"
        missing = [key for key in ("apiVersion", "kind", "name", "uid") if not owner.get(key)]
        found += [causes.required(f"{at}.{key}", "must not be empty") for key in missing]
        if owner.get("controller"):
            if controller:
                said = (
                    "Only one reference can have Controller set to true. Found "
                    f'"true" in references for {controller} and {owner.get("name", "")}'
                )
                found.append(causes.invalid(path, owners, said))
            controller = f"{owner.get('kind', '')}/{owner.get('name', '')}"
    return found


def _finalizer(name: str, index: int, *, lenient: bool) -> list[Cause]:
    path = "metadata.finalizers"
    wrong = formats.qualified_name(name)
    if wrong:
        found = causes.all_invalid(path, name, wrong)
    else:
        found = []
    if not lenient and "/" not in name and name not in _STANDARD_FINALIZERS:
        said = "name is neither a standard finalizer name nor is it fully qualified"
        found.append(causes.invalid(f"{path}[{index}]", name, said))
    return found


def metadata_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """What may not change in metadata."""
    found = [
        causes.immutable(f"metadata.{key}", new.get(key, ""))
        for key in ("name", "namespace", *_CONDITIONS)
        if new.get(key) != old.get(key)
    ]
    if old.get("deletionTimestamp"):
        added = sorted(set(new.get("finalizers", ())) - set(old.get("finalizers", ())))
        if added:
            shown = " ".join(f'"{name}"' for name in added)
            said = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{shown}}}"
            found.append(causes.forbidden("metadata.finalizers", said))
    if new.get("generation", 0) < old.get("generation", 0):
        found.append(
            causes.invalid("metadata.generation", new.get("generation", 0), "must not be decremented")
        )
    return found


def label_selector(selector: Mapping[str, Any] | None, path: str) -> list[Cause]:
    """A selector with matchLabels and matchExpressions."""
    if not selector:
        return []
    found = labels(selector.get("matchLabels", {}), f"{path}.matchLabels")
    for index, item in enumerate(selector.get("matchExpressions", ())):
        at = f"{path}.matchExpressions[{index}]"
        operator, values = item.get("operator", ""), item.get("values", ())
        if operator in ("In", "NotIn"):
            if not values:
                said = "must be specified when `operator` is 'In' or 'NotIn'"
                found.append(causes.required(f"{at}.values", said))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                said = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                found.append(causes.forbidden(f"{at}.values", said))
        else:
            found.append(causes.invalid(f"{at}.operator", operator, "not a valid selector operator"))
        found += causes.all_invalid(
            f"{at}.key", item.get("key", ""), formats.qualified_name(item.get("key", ""))
        )
        for number, value in enumerate(values):
            found += causes.all_invalid(f"{at}.values[{number}]", value, formats.label_value(value))
    return found
