"""The cells of configuration, accounts, storage, events and leases."""

from typing import Any

from control.schema.table_cells import NONE, UNKNOWN, UNSET, Cells, Obj, age, condition, head

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def namespace(obj: Obj, now: float) -> list[Any]:
    """Its phase."""
    name, since = head(obj, now)
    return [name, obj.get("status", {}).get("phase", ""), since]


def config_map(obj: Obj, now: float) -> list[Any]:
    """How many keys."""
    name, since = head(obj, now)
    return [name, len(obj.get("data") or ()) + len(obj.get("binaryData") or ()), since]


def secret(obj: Obj, now: float) -> list[Any]:
    """Type and how many keys."""
    name, since = head(obj, now)
    return [name, obj.get("type", ""), len(obj.get("data") or ()), since]


def lease(obj: Obj, now: float) -> list[Any]:
    """Who holds it."""
    name, since = head(obj, now)
    return [name, obj.get("spec", {}).get("holderIdentity", ""), since]


def event(obj: Obj, now: float) -> list[Any]:
    """When, what, about whom; both API groups' fields."""
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    first = obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime")
    last = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp") or obj.get("eventTime")
    count = obj.get("count") or obj.get("deprecatedCount") or 1
    series = obj.get("series")
    if series:
        last, count = series.get("lastObservedTime") or last, series.get("count", count)
    kind, name = about.get("kind", "").lower(), about.get("name", "")
    return [
        age(last, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{kind}/{name}" if name else kind,
        about.get("fieldPath", ""),
        _source(obj),
        (obj.get("message") or obj.get("note") or "").strip(),
        age(first, now),
        count,
        obj.get("metadata", {}).get("name", ""),
    ]


def _source(obj: Obj) -> str:
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    component = (
        source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or ""
    )
    instance = source.get("host") or obj.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else str(component)


def role(obj: Obj, now: float) -> list[Any]:
    """When it was made."""
    meta = obj.get("metadata", {})
    return [meta.get("name", ""), meta.get("creationTimestamp", UNKNOWN)]


def role_binding(obj: Obj, now: float) -> list[Any]:
    """The role; wide: for whom."""
    name, since = head(obj, now)
    ref, subjects = obj.get("roleRef", {}), obj.get("subjects") or ()

    def named(kind: str) -> str:
        return ", ".join(item.get("name", "") for item in subjects if item.get("kind") == kind)

    accounts = ", ".join(
        f"{item.get('namespace', '')}/{item.get('name', '')}"
        for item in subjects
        if item.get("kind") == "ServiceAccount"
    )
    shown = f"{ref.get('kind', '')}/{ref.get('name', '')}"
    return [name, shown, since, named("User"), named("Group"), accounts]


def storage_class(obj: Obj, now: float) -> list[Any]:
    """Provisioner and policies."""
    name, since = head(obj, now)
    return [
        name,
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy", ""),
        obj.get("volumeBindingMode", UNSET),
        bool(obj.get("allowVolumeExpansion", False)),
        since,
    ]


def _access(modes: list[str] | None) -> str:
    return ",".join(_MODES[mode] for mode in _MODES if mode in (modes or ()))


def volume(obj: Obj, now: float) -> list[Any]:
    """A PersistentVolume."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    name, since = head(obj, now)
    claim = spec.get("claimRef") or {}
    phase = "Terminating" if obj.get("metadata", {}).get("deletionTimestamp") else status.get("phase", "")
    return [
        name,
        str(spec.get("capacity", {}).get("storage", "0")),
        _access(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        phase,
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        status.get("reason", ""),
        since,
        spec.get("volumeMode", UNSET),
    ]


def volume_claim(obj: Obj, now: float) -> list[Any]:
    """A PersistentVolumeClaim."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    name, since = head(obj, now)
    bound = spec.get("volumeName", "")
    phase = "Terminating" if obj.get("metadata", {}).get("deletionTimestamp") else status.get("phase", "")
    return [
        name,
        phase,
        bound,
        str(status.get("capacity", {}).get("storage", "")) if bound else "",
        _access(status.get("accessModes")) if bound else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        since,
        spec.get("volumeMode", UNSET),
    ]


def priority_class(obj: Obj, now: float) -> list[Any]:
    """Its value."""
    name, since = head(obj, now)
    default, preempts = bool(obj.get("globalDefault", False)), obj.get("preemptionPolicy", "")
    return [name, obj.get("value", 0), default, since, preempts]


def runtime_class(obj: Obj, now: float) -> list[Any]:
    """Its handler."""
    name, since = head(obj, now)
    return [name, obj.get("handler", ""), since]


def webhooks(obj: Obj, now: float) -> list[Any]:
    """How many."""
    name, since = head(obj, now)
    return [name, len(obj.get("webhooks") or ()), since]


def quota(obj: Obj, now: float) -> list[Any]:
    """Used of hard, requests and limits apart."""
    name, since = head(obj, now)
    status = obj.get("status", {})
    hard, used = status.get("hard") or {}, status.get("used") or {}
    pairs = {key: f"{key}: {used.get(key, '0')}/{hard[key]}" for key in sorted(hard)}
    limits = ", ".join(text for key, text in pairs.items() if key.startswith("limits."))
    return [
        name,
        ", ".join(text for key, text in pairs.items() if not key.startswith("limits.")),
        limits,
        since,
    ]


def api_service(obj: Obj, now: float) -> list[Any]:
    """Who serves it."""
    name, since = head(obj, now)
    ref = obj.get("spec", {}).get("service")
    shown = f"{ref.get('namespace', '')}/{ref.get('name', '')}" if ref else "Local"
    available = condition(obj, "Available")
    state = UNKNOWN.strip("<>").capitalize() if available is None else available.get("status", "")
    if available is not None and state != "True":
        state = f"{state} ({available.get('reason', '')})"
    return [name, shown, state, since]


def signing_request(obj: Obj, now: float) -> list[Any]:
    """Who asked whom, and what came of it."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    name, since = head(obj, now)
    said = [item.get("type", "") for item in status.get("conditions") or ()]
    shown = ",".join(said) or "Pending"
    if status.get("certificate"):
        shown += ",Issued"
    seconds = spec.get("expirationSeconds")
    wanted = NONE if seconds is None else f"{seconds}s"
    return [name, since, spec.get("signerName", ""), spec.get("username", ""), wanted, shown]


_RBAC = "rbac.authorization.k8s.io"
PRINTERS: dict[str, Cells] = {
    "namespaces": namespace,
    "configmaps": config_map,
    "secrets": secret,
    "leases.coordination.k8s.io": lease,
    "events": event,
    "events.events.k8s.io": event,
    f"roles.{_RBAC}": role,
    f"clusterroles.{_RBAC}": role,
    f"rolebindings.{_RBAC}": role_binding,
    f"clusterrolebindings.{_RBAC}": role_binding,
    "limitranges": role,
    "customresourcedefinitions.apiextensions.k8s.io": role,
    "storageclasses.storage.k8s.io": storage_class,
    "persistentvolumes": volume,
    "persistentvolumeclaims": volume_claim,
    "priorityclasses.scheduling.k8s.io": priority_class,
    "runtimeclasses.node.k8s.io": runtime_class,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": webhooks,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": webhooks,
    "resourcequotas": quota,
    "apiservices.apiregistration.k8s.io": api_service,
    "certificatesigningrequests.certificates.k8s.io": signing_request,
}
