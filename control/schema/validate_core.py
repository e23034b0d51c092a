"""Rules for Namespace, Node, ConfigMap, Secret, ServiceAccount, Event, Lease, and RBAC's kinds."""

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from control.errors import Cause
from control.schema import causes, formats
from control.schema.validate_resources import non_negative_quantity

SIZE_LIMIT = 1024 * 1024
"""Bytes in a ConfigMap or a Secret."""
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_RBAC = "rbac.authorization.k8s.io"


def namespace(obj: Mapping[str, Any]) -> list[Cause]:
    """A Namespace."""
    found: list[Cause] = []
    for name in obj.get("spec", {}).get("finalizers", ()):
        if name != "kubernetes":
            wrong = formats.qualified_name(name) or (
                ()
                if "/" in name
                else ("name is neither a standard finalizer name nor is it fully qualified",)
            )
            found += causes.all_invalid("spec.finalizers", name, wrong)
    return found


def node(obj: Mapping[str, Any]) -> list[Cause]:
    """A Node: taints, pod CIDRs, capacity."""
    spec = obj.get("spec", {})
    found: list[Cause] = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(spec.get("taints", ())):
        at = f"metadata.taints[{index}]"  # upstream's path
        key, effect = taint.get("key", ""), taint.get("effect", "")
        found += causes.all_invalid(f"{at}.key", key, formats.qualified_name(key))
        wrong = formats.label_value(taint.get("value", ""))
        if wrong:
            found.append(causes.invalid(f"{at}.value", taint["value"], ";".join(wrong)))
        if effect not in _EFFECTS:
            found += causes.one_of(f"{at}.effect", effect, _EFFECTS)
        if (key, effect) in seen:
            said = f"{causes.shown(taint)}: taints must be unique by key and effect pair"
            found.append(causes.duplicate(at, causes.Printed(said)))
        seen.add((key, effect))
    cidrs = spec.get("podCIDRs", [])
    networks = [formats.network(text) for text in cidrs]
    for index, (text, network) in enumerate(zip(cidrs, networks, strict=True)):
        if network is None:
            found.append(causes.invalid(f"spec.podCIDRs[{index}]", text, formats.CIDR_WORDS))
    versions = {network.version for network in networks if network is not None}
    if len(cidrs) > 1 and (len(cidrs) > 2 or len(versions) < 2):
        said = "may specify no more than one CIDR for each IP family"
        found.append(causes.invalid("spec.podCIDRs", cidrs, said))
    for key in ("capacity", "allocatable"):
        for name, amount in obj.get("status", {}).get(key, {}).items():
            found += non_negative_quantity(amount, f"status.{key}[{name}]")
    return found


def node_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Pod CIDRs and the provider's id are set once."""
    spec, had = new.get("spec", {}), old.get("spec", {})
    found = []
    if had.get("podCIDRs") and spec.get("podCIDRs") != had["podCIDRs"]:
        said = 'node updates may not change podCIDR except from "" to valid'
        found.append(causes.forbidden("spec.podCIDRs", said))
    if had.get("providerID") and spec.get("providerID") != had["providerID"]:
        said = (
            "field cannot be modified once set"
            if spec.get("providerID")
            else "field cannot be cleared once set"
        )
        found.append(causes.invalid("spec.providerID", None, said))
    return found


def config_map(obj: Mapping[str, Any]) -> list[Cause]:
    """A ConfigMap: keys and size."""
    plain, binary = obj.get("data", {}), obj.get("binaryData", {})
    found: list[Cause] = []
    size = 0
    for key, value in plain.items():
        found += causes.all_invalid(f"data[{key}]", key, formats.config_key(key))
        if key in binary:
            found.append(causes.invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
        size += len(value)
    for key, value in binary.items():
        found += causes.all_invalid(f"binaryData[{key}]", key, formats.config_key(key))
        size += len(value) * 3 // 4
    return found + ([causes.too_long("", SIZE_LIMIT)] if size > SIZE_LIMIT else [])


def config_map_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """An immutable ConfigMap stays as it is."""
    return _unchanged(new, old, ("data", "binaryData"))


def secret_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """A Secret's type never changes; an immutable one stays as it is."""
    found = [] if new.get("type") == old.get("type") else [causes.immutable("type", new.get("type"))]
    return found + _unchanged(new, old, ("data",))


def _unchanged(new: Mapping[str, Any], old: Mapping[str, Any], keys: tuple[str, ...]) -> list[Cause]:
    if not old.get("immutable"):
        return []
    said = "field is immutable when `immutable` is set"
    found = [] if new.get("immutable") else [causes.forbidden("immutable", said)]
    return found + [causes.forbidden(key, said) for key in keys if new.get(key) != old.get(key)]


def secret(obj: Mapping[str, Any]) -> list[Cause]:
    """A Secret: keys, size, what its type needs."""
    data, kind = obj.get("data", {}), obj.get("type", "")
    found: list[Cause] = []
    for key in data:
        found += causes.all_invalid(f"data[{key}]", key, formats.config_key(key))
    if sum(len(value) * 3 // 4 for value in data.values()) > SIZE_LIMIT:
        found.append(causes.too_long("data", SIZE_LIMIT))
    for key in _SECRET_KEYS.get(kind, ()):
        if key not in data:
            found.append(causes.required(f"data[{key}]"))
    if kind == "kubernetes.io/service-account-token":
        annotations = obj.get("metadata", {}).get("annotations", {})
        if not annotations.get("kubernetes.io/service-account.name"):
            found.append(causes.required("metadata.annotations[kubernetes.io/service-account.name]"))
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        found += [causes.required(f"data[{key}]") for key in ("username", "password")]
    if kind in ("kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson"):
        found += _json_in(data, _SECRET_KEYS[kind][0])
    return found


def _json_in(data: Mapping[str, str], key: str) -> list[Cause]:
    try:
        orjson.loads(base64.b64decode(data.get(key, "e30=")))
    except ValueError as error:
        return [causes.invalid(f"data[{key}]", "<secret contents redacted>", str(error))]
    return []


def event(obj: Mapping[str, Any]) -> list[Cause]:
    """An Event stands in the namespace of what it is about."""
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    namespace_of, own = about.get("namespace", ""), obj.get("metadata", {}).get("namespace", "")
    path = "involvedObject.namespace" if "involvedObject" in obj else "regarding.namespace"
    if namespace_of and namespace_of != own:
        return [causes.invalid(path, namespace_of, "does not match event.namespace")]
    if not namespace_of and own != "default":
        return [causes.invalid(path, namespace_of, "does not match event.namespace")]
    return []


def lease(obj: Mapping[str, Any]) -> list[Cause]:
    """A Lease."""
    spec = obj.get("spec", {})
    found: list[Cause] = []
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if seconds is not None and seconds <= 0:
        found.append(causes.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        said = "must be greater than or equal to 0"
        found.append(causes.invalid("spec.leaseTransitions", transitions, said))
    return found


def role(obj: Mapping[str, Any]) -> list[Cause]:
    """A Role or ClusterRole."""
    found: list[Cause] = []
    for index, rule in enumerate(obj.get("rules") or ()):
        at = f"rules[{index}]"
        if not rule.get("verbs"):
            found.append(causes.required(f"{at}.verbs", "verbs must contain at least one value"))
        if rule.get("nonResourceURLs"):
            if rule.get("resources") or rule.get("apiGroups"):
                said = "rules cannot apply to both regular resources and non-resource URLs"
                found.append(causes.invalid(f"{at}.nonResourceURLs", rule["nonResourceURLs"], said))
            continue
        if not rule.get("apiGroups"):
            said = "resource rules must supply at least one api group"
            found.append(causes.required(f"{at}.apiGroups", said))
        if not rule.get("resources"):
            said = "resource rules must supply at least one resource"
            found.append(causes.required(f"{at}.resources", said))
    return found


def role_binding(obj: Mapping[str, Any]) -> list[Cause]:
    """A RoleBinding or ClusterRoleBinding."""
    ref = obj.get("roleRef", {})
    found: list[Cause] = []
    if ref.get("apiGroup") != _RBAC:
        found.append(causes.not_supported("roleRef.apiGroup", ref.get("apiGroup", ""), (_RBAC,)))
    kinds = ("ClusterRole", "Role") if obj.get("kind") == "RoleBinding" else ("ClusterRole",)
    if ref.get("kind") not in kinds:
        found.append(causes.not_supported("roleRef.kind", ref.get("kind", ""), kinds))
    if not ref.get("name"):
        found.append(causes.required("roleRef.name"))
    for index, subject in enumerate(obj.get("subjects") or ()):
        at, kind = f"subjects[{index}]", subject.get("kind", "")
        if not subject.get("name"):
            found.append(causes.required(f"{at}.name"))
        if kind not in ("ServiceAccount", "User", "Group"):
            found.append(causes.not_supported(f"{at}.kind", kind, ("Group", "ServiceAccount", "User")))
        if kind == "ServiceAccount" and not subject.get("namespace"):
            found.append(causes.required(f"{at}.namespace"))
    return found


def role_binding_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """What a binding grants can't change."""
    if new.get("roleRef") != old.get("roleRef"):
        return [causes.invalid("roleRef", new.get("roleRef"), "cannot change roleRef")]
    return []
