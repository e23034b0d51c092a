"""A pod as the scheduler sees it: parsed once, then only compared. Pure."""

from dataclasses import dataclass
from typing import Any

from control.scheduler.requests import HostPort, Resources, host_ports_of, requests_of, scored_requests
from control.schema.selector import LabelSelector

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AffinityTerm:
    """One pod (anti-)affinity term.

    namespaces: where peers are looked for by name; namespace_selector: and by the namespace's labels.
    weight: 0 for a required term.
    """

    selector: LabelSelector
    topology_key: str
    namespaces: frozenset[str]
    namespace_selector: LabelSelector | None
    weight: int = 0


@dataclass(frozen=True, slots=True)
class SpreadConstraint:
    """One topology spread constraint; ``hard`` is DoNotSchedule."""

    topology_key: str
    max_skew: int
    hard: bool
    selector: LabelSelector
    min_domains: int
    honour_affinity: bool
    honour_taints: bool


@dataclass(frozen=True, slots=True, eq=False)
class PodInfo:
    """What placing a pod depends on.

    node: where it is, "" when nowhere yet. owner: uid of its controller, "" without one.
    scored: CPU and memory that scores reckon with.
    """

    key: str
    uid: str
    namespace: str
    name: str
    labels: dict[str, str]
    node: str
    owner: str
    priority: int
    requests: Resources
    scored: tuple[int, int]
    host_ports: frozenset[HostPort]
    node_selector: dict[str, str]
    node_affinity: Object
    tolerations: tuple[Object, ...]
    affinity: tuple[AffinityTerm, ...]
    anti_affinity: tuple[AffinityTerm, ...]
    preferred: tuple[AffinityTerm, ...]
    avoided: tuple[AffinityTerm, ...]
    spread: tuple[SpreadConstraint, ...]
    terminating: bool


def pod_info(pod: Object) -> PodInfo:
    """Parse a pod."""
    metadata, spec = pod["metadata"], pod["spec"]
    affinity = spec.get("affinity") or {}
    pods, anti = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}
    node = spec.get("nodeName") or ""
    owner = next((r["uid"] for r in metadata.get("ownerReferences") or () if r.get("controller")), "")
    return PodInfo(
        key=f"{metadata['namespace']}/{metadata['name']}",
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        labels=metadata.get("labels") or {},
        node=node,
        owner=owner,
        priority=int(spec.get("priority") or 0),
        requests=requests_of(spec),
        scored=scored_requests(spec),
        host_ports=host_ports_of(spec),
        node_selector=spec.get("nodeSelector") or {},
        node_affinity=affinity.get("nodeAffinity") or {},
        tolerations=tuple(spec.get("tolerations") or ()),
        affinity=_required(pods, metadata),
        anti_affinity=_required(anti, metadata),
        preferred=_preferred(pods, metadata),
        avoided=_preferred(anti, metadata),
        spread=tuple(_spread(c, metadata) for c in spec.get("topologySpreadConstraints") or ()),
        terminating=bool(metadata.get("deletionTimestamp")),
    )


def _required(part: Object, metadata: Object) -> tuple[AffinityTerm, ...]:
    terms = part.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(_term(term, metadata, 0) for term in terms)


def _preferred(part: Object, metadata: Object) -> tuple[AffinityTerm, ...]:
    weighted = part.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(_term(w["podAffinityTerm"], metadata, int(w.get("weight") or 0)) for w in weighted)


def _term(term: Object, metadata: Object, weight: int) -> AffinityTerm:
    names, selector = term.get("namespaces") or (), term.get("namespaceSelector")
    if not names and selector is None:
        names = (metadata["namespace"],)
    return AffinityTerm(
        selector=_with_keys(term.get("labelSelector"), metadata, term),
        topology_key=term.get("topologyKey") or "",
        namespaces=frozenset(names),
        namespace_selector=LabelSelector.from_json(selector) if selector is not None else None,
        weight=weight,
    )


def _with_keys(selector: Object | None, metadata: Object, source: Object) -> LabelSelector:
    """A selector, narrowed by the pod's own values of matchLabelKeys and mismatchLabelKeys."""
    if selector is None:
        return LabelSelector.from_json(None)
    labels = metadata.get("labels") or {}
    extra = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
        for key in source.get(field) or ()
        if key in labels
    ]
    expressions = [*(selector.get("matchExpressions") or ()), *extra]
    return LabelSelector.from_json({**selector, "matchExpressions": expressions})


def _spread(constraint: Object, metadata: Object) -> SpreadConstraint:
    return SpreadConstraint(
        topology_key=constraint["topologyKey"],
        max_skew=int(constraint.get("maxSkew") or 1),
        hard=(constraint.get("whenUnsatisfiable") or "DoNotSchedule") == "DoNotSchedule",
        selector=_with_keys(constraint.get("labelSelector"), metadata, constraint),
        min_domains=int(constraint.get("minDomains") or 1),
        honour_affinity=(constraint.get("nodeAffinityPolicy") or "Honor") == "Honor",
        honour_taints=(constraint.get("nodeTaintsPolicy") or "Ignore") == "Honor",
    )
