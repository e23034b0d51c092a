"""What one object counts for in ResourceQuotas, and which quotas it falls under. Pure.

Source: upstream's evaluators (pkg/quota/v1/evaluator/core), as the documentation of ResourceQuota tells them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from control.schema.pod_resources import Amounts, amounts, containers, of_container, of_pod

_ONE: Final = Decimal(1)
_COUNTED_BY_NAME: Final = frozenset(
    {
        "pods",
        "services",
        "secrets",
        "configmaps",
        "resourcequotas",
        "replicationcontrollers",
        "persistentvolumeclaims",
    }
)
"""Kinds that a quota may count by their plural name alone; all others as ``count/PLURAL.GROUP``."""
_CLASS: Final = ".storageclass.storage.k8s.io/"
_PLAIN: Final = ("cpu", "memory", "ephemeral-storage")
MUST_BE_NAMED: Final = frozenset(
    {"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"}
)
"""Where a quota bounds one of these, each container has to say how much it wants."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One object's usage, and what quotas with scopes ask of it (pods only)."""

    amounts: Mapping[str, Decimal]
    scopes: Mapping[str, str] | None = None
    """Scope that holds → its value (a priority class's name, else empty); None for what no scope selects."""


NOTHING: Final = Charge({})


def resource_of(name: str) -> str:
    """Which resource (``group/plural``) an entry of a quota's ``hard`` counts.

    >>> resource_of("requests.cpu"), resource_of("count/deployments.apps"), resource_of("services.nodeports")
    ('/pods', 'apps/deployments', '/services')
    """
    if name.startswith("count/"):
        plural, _, group = name.removeprefix("count/").partition(".")
        return f"{group}/{plural}"
    if _CLASS in name or name == "requests.storage":
        return "/persistentvolumeclaims"
    if name.startswith("services."):
        return "/services"
    return f"/{name}" if name in _COUNTED_BY_NAME else "/pods"


def charge_of(resource: str, obj: Mapping[str, Any]) -> Charge:
    """What an object counts for. resource: ``group/plural``."""
    group, _, plural = resource.partition("/")
    counted = {f"count/{plural}.{group}" if group else f"count/{plural}": _ONE}
    if resource == "/pods":
        return _pod(obj, counted)
    if not group and plural in _COUNTED_BY_NAME:
        counted[plural] = _ONE
    if resource == "/services":
        counted |= _service(obj.get("spec") or {})
    elif resource == "/persistentvolumeclaims":
        counted |= _claim(obj)
    return Charge(counted)


def _pod(pod: Mapping[str, Any], counted: Amounts) -> Charge:
    """Ended pods count as objects only."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return Charge(counted, _scopes(pod))
    spec = pod["spec"]
    requests, limits = of_pod(spec, "requests"), of_pod(spec, "limits")
    return Charge({**counted, "pods": _ONE, **_named(requests, limits)}, _scopes(pod))


def _named(requests: Mapping[str, Decimal], limits: Mapping[str, Decimal]) -> Amounts:
    """Requests and limits under the names that quotas have for them."""
    found: Amounts = {}
    for name, amount in requests.items():
        found[f"requests.{name}"] = amount
        if name in _PLAIN or name.startswith("hugepages-"):
            found[name] = amount
    return found | {f"limits.{name}": amount for name, amount in limits.items() if name in _PLAIN}


def unnamed(pod: Mapping[str, Any], wanted: frozenset[str]) -> dict[str, list[str]]:
    """Amount → the containers that do not name it, of those that a quota bounds."""
    missing: dict[str, list[str]] = {}
    for _, container in containers(pod["spec"]):
        has = _named(of_container(container, "requests"), of_container(container, "limits"))
        for name in wanted - has.keys():
            missing.setdefault(name, []).append(container["name"])
    return missing


def _service(spec: Mapping[str, Any]) -> Amounts:
    ports = spec.get("ports") or ()
    kind = spec.get("type", "ClusterIP")
    if kind == "NodePort":
        return {"services.nodeports": Decimal(len(ports))}
    if kind != "LoadBalancer":
        return {}
    opened = len(ports)
    if spec.get("allocateLoadBalancerNodePorts") is False:
        opened = sum(1 for port in ports if port.get("nodePort"))
    return {"services.nodeports": Decimal(opened), "services.loadbalancers": _ONE}


def _claim(claim: Mapping[str, Any]) -> Amounts:
    spec = claim.get("spec") or {}
    storage = amounts((spec.get("resources") or {}).get("requests")).get("storage", Decimal(0))
    annotations = claim["metadata"].get("annotations") or {}
    name = annotations.get("volume.beta.kubernetes.io/storage-class") or spec.get("storageClassName")
    found = {"requests.storage": storage}
    if name:
        found |= {f"{name}{_CLASS}requests.storage": storage, f"{name}{_CLASS}persistentvolumeclaims": _ONE}
    return found


def _scopes(pod: Mapping[str, Any]) -> dict[str, str]:
    spec = pod["spec"]
    holds = {"Terminating" if spec.get("activeDeadlineSeconds") is not None else "NotTerminating": ""}
    named = any(
        amount
        for _, container in containers(spec)
        for which in ("requests", "limits")
        for name, amount in amounts((container.get("resources") or {}).get(which)).items()
        if name in ("cpu", "memory")
    )
    holds["NotBestEffort" if named else "BestEffort"] = ""
    if spec.get("priorityClassName"):
        holds["PriorityClass"] = spec["priorityClassName"]
    if any("namespaces" in term or "namespaceSelector" in term for term in _terms(spec)):
        holds["CrossNamespacePodAffinity"] = ""
    return holds


def _terms(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = (spec.get("affinity") or {}).get(kind) or {}
        yield from rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for weighted in rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            yield weighted.get("podAffinityTerm") or {}


def selects(spec: Mapping[str, Any], charge: Charge) -> bool:
    """Whether an object falls under a quota, by the scopes of the quota's spec."""
    wanted = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    wanted += (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    if not wanted:
        return True
    return charge.scopes is not None and all(_holds(one, charge.scopes) for one in wanted)


def _holds(wanted: Mapping[str, Any], scopes: Mapping[str, str]) -> bool:
    value, values = scopes.get(wanted["scopeName"]), wanted.get("values") or ()
    match wanted["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "DoesNotExist":
            return value is None
    return value is not None
