"""The slices of one Service: which to create, change and delete so that they say what its pods are. Pure.

Least churn: endpoints stay in the slice and in the place where they are; a new one goes to a slice that is
changed anyway, then to the fullest slice with room, and only then to a new slice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from control.controllers.endpoint import (
    PortMap,
    address_of,
    belongs,
    endpoint,
    families_of,
    is_headless,
    ports_json,
    ports_key,
    ports_of,
)
from control.controllers.metadata import (
    Object,
    controller_reference,
    is_controlled_by,
    is_terminating,
    labels_of,
)

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"
MAX_ENDPOINTS = 100
Wanted = dict[str, Object]
"""Address → endpoint."""


@dataclass(slots=True)
class SlicePlan:
    """What is to be written."""

    creates: list[Object] = field(default_factory=list)
    updates: list[Object] = field(default_factory=list)
    deletes: list[Object] = field(default_factory=list)


def plan(
    service: Object, pods: Iterable[Object], nodes: Mapping[str, Object], slices: Sequence[Object]
) -> SlicePlan:
    """The writes that make a Service's slices right.

    pods: those that its selector matches. nodes: by name, for zones. slices: those we manage for it.
    """
    result = SlicePlan()
    # Slices of an earlier Service of that name go: the garbage collector would take them away later.
    present = [s for s in slices if not is_terminating(s) and is_controlled_by(s, service)]
    result.deletes += [s for s in slices if not is_controlled_by(s, service)]
    chosen = [pod for pod in pods if belongs(pod)]
    for family in families_of(service):
        have = [s for s in present if s["addressType"] == family]
        _plan_family(service, _wanted(service, chosen, family, nodes), (family, have), result)
    result.deletes += [s for s in present if s["addressType"] not in families_of(service)]
    return result


def _wanted(
    service: Object, pods: Iterable[Object], family: str, nodes: Mapping[str, Object]
) -> dict[PortMap, Wanted]:
    groups: dict[PortMap, Wanted] = {}
    for pod in pods:
        address = address_of(pod, family)
        ports = ports_of(service, pod)
        # A pod that has none of the named ports can't be reached through the Service.
        if address is None or (service["spec"].get("ports") and not ports):
            continue
        node = nodes.get(pod["spec"].get("nodeName") or "")
        groups.setdefault(ports, {})[address] = endpoint(service, pod, address, node)
    return groups


def _plan_family(
    service: Object,
    groups: dict[PortMap, Wanted],
    present: tuple[str, Sequence[Object]],
    result: SlicePlan,
) -> None:
    family, have = present
    by_ports: dict[PortMap, list[Object]] = {}
    for slice_ in have:
        by_ports.setdefault(ports_key(slice_), []).append(slice_)
    # Without endpoints one empty slice stays, so that a reader sees "none" and not "not looked at yet".
    wanted_groups: dict[PortMap, Wanted] = groups or {(): {}}
    for ports, wanted in wanted_groups.items():
        changed = _fill(wanted, by_ports.pop(ports, []), keep_empty=not groups)
        _write(service, (family, ports), changed, result)
    result.deletes += [s for group in by_ports.values() for s in group]


@dataclass(slots=True)
class _Draft:
    """A slice, present or new, with the endpoints it is to have."""

    slice: Object | None
    endpoints: list[Object]
    changed: bool

    @property
    def room(self) -> int:
        return MAX_ENDPOINTS - len(self.endpoints)


def _fill(wanted: Wanted, have: Sequence[Object], *, keep_empty: bool) -> list[_Draft]:
    """Drafts of all slices of one port map."""
    left, drafts = dict(wanted), []
    for slice_ in have:
        endpoints, changed = [], False
        for present in slice_.get("endpoints") or ():
            fresh = left.pop(present["addresses"][0], None)
            changed |= fresh != present
            if fresh is not None:
                endpoints.append(fresh)
        drafts.append(_Draft(slice_, endpoints, changed))
    new = [left[address] for address in sorted(left)]
    for draft in sorted((d for d in drafts if d.changed and d.endpoints), key=lambda d: d.room):
        new = _move(new, draft)
    if new and len(new) < MAX_ENDPOINTS:
        fitting = [d for d in drafts if d.room >= len(new)]
        if fitting:
            new = _move(new, min(fitting, key=lambda d: d.room))
    while new:
        draft = _Draft(None, [], changed=True)
        new = _move(new, draft)
        drafts.append(draft)
    if keep_empty and not drafts:
        drafts.append(_Draft(None, [], changed=True))
    return drafts


def _move(new: list[Object], draft: _Draft) -> list[Object]:
    count = min(draft.room, len(new))
    if count:
        draft.endpoints += new[:count]
        draft.changed = True
    return new[count:]


def _write(service: Object, kind: tuple[str, PortMap], drafts: Sequence[_Draft], result: SlicePlan) -> None:
    family, ports = kind
    labels = _labels(service)
    full = [d for d in drafts if d.endpoints] or list(drafts[:1])
    for draft in drafts:
        if draft not in full:
            if draft.slice:
                result.deletes.append(draft.slice)
            continue
        if draft.slice is None:
            result.creates.append(_new_slice(service, family, ports, draft.endpoints))
        elif draft.changed or labels_of(draft.slice) != labels:
            metadata = {**draft.slice["metadata"], "labels": labels}
            result.updates.append({**draft.slice, "metadata": metadata, "endpoints": draft.endpoints})


def _labels(service: Object) -> dict[str, str]:
    """A slice carries its Service's labels beside our own."""
    kept = {k: v for k, v in labels_of(service).items() if k not in (SERVICE_NAME, MANAGED_BY, HEADLESS)}
    kept |= {SERVICE_NAME: service["metadata"]["name"], MANAGED_BY: CONTROLLER}
    return kept | ({HEADLESS: ""} if is_headless(service) else {})


def _new_slice(service: Object, family: str, ports: PortMap, endpoints: list[Object]) -> Object:
    name = service["metadata"]["name"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{name}-",
            "namespace": service["metadata"]["namespace"],
            "labels": _labels(service),
            "ownerReferences": [controller_reference(service, "v1", "Service")],
        },
        "addressType": family,
        "endpoints": endpoints,
        "ports": ports_json(ports),
    }
