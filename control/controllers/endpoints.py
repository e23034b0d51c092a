"""Endpoints, the older form of EndpointSlices: for whoever still reads them. Nothing of ours does."""

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.resources import ENDPOINTS, PODS, SERVICES
from control.client.workqueue import WorkQueue
from control.controllers.endpoint import (
    PortMap,
    address_of,
    belongs,
    concerns,
    families_of,
    is_headless,
    ports_json,
    ports_of,
)
from control.controllers.endpointslice import BY_LABEL, BY_SELECTOR, label_keys, selector_keys
from control.controllers.metadata import Object, is_terminating, key_of, labels_of, split_key, uid_of
from control.controllers.pod_state import is_ready
from control.controllers.shared import SharedInformers
from control.errors import AlreadyExists, NotFound

HEADLESS, MANAGED_BY = "service.kubernetes.io/headless", "endpoints.kubernetes.io/managed-by"
_MOST = 1000
_GATHER_S = 0.1
"""Nobody is in a hurry for these; each write carries all addresses."""


def subsets_of(service: Object, pods: list[Object]) -> list[Object]:
    """Addresses by the ports that they share, in order, at most 1,000."""
    family, publish = families_of(service)[0], bool(service["spec"].get("publishNotReadyAddresses"))
    groups: dict[PortMap, dict[str, list[Object]]] = {}
    chosen = [p for p in pods if belongs(p) and (publish or not is_terminating(p)) and address_of(p, family)]
    for pod in sorted(chosen, key=lambda p: address_of(p, family) or "")[:_MOST]:
        group = groups.setdefault(ports_of(service, pod), {"addresses": [], "notReadyAddresses": []})
        group["addresses" if publish or is_ready(pod) else "notReadyAddresses"].append(
            _address(service, pod, family)
        )
    result = []
    for ports, addresses in sorted(groups.items(), key=str):
        subset: Object = {kind: entries for kind, entries in addresses.items() if entries}
        if ports:
            subset["ports"] = ports_json(ports)
        elif service["spec"].get("ports"):
            continue
        result.append(subset)
    return result


def _address(service: Object, pod: Object, family: str) -> Object:
    metadata, spec = pod["metadata"], pod["spec"]
    target = {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": uid_of(pod)}
    entry: Object = {"ip": address_of(pod, family), "targetRef": target}
    if spec.get("nodeName"):
        entry["nodeName"] = spec["nodeName"]
    if spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]:
        entry["hostname"] = spec["hostname"]
    return entry


class EndpointsController(Controller):
    """Watches Services and pods; writes Endpoints."""

    def __init__(self, client: ApiClient, informers: SharedInformers, clock: Clock) -> None:
        super().__init__("endpoints", WorkQueue(clock), self.reconcile)
        self._client = client
        self._services, self._pods = informers.of(SERVICES), informers.of(PODS)
        self._endpoints = informers.of(ENDPOINTS)
        self._services.index(BY_SELECTOR, selector_keys)
        self._pods.index(BY_LABEL, label_keys)
        self._services.on_change(self._changed)
        self._endpoints.on_change(self._changed)
        self._pods.on_change(self._pod_changed)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        if obj:
            self.queue.add_after(key_of(obj), _GATHER_S)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if old and new and concerns(old) == concerns(new):
            return
        for pod in (old, new):
            if pod is None or not belongs(pod):
                continue
            for value in label_keys(pod):
                for service in self._services.by_index(BY_SELECTOR, value):
                    if service["spec"]["selector"].items() <= labels_of(pod).items():
                        self.queue.add_after(key_of(service), _GATHER_S)

    async def reconcile(self, key: str) -> float | None:
        """Make the Endpoints of the Service of that key right; without a selector they are the user's."""
        service, present = self._services.items.get(key), self._endpoints.items.get(key)
        if service is None:
            if present is not None and MANAGED_BY in labels_of(present):
                await self._delete(key)
            return None
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName" or is_terminating(service):
            return None
        (value,) = selector_keys(service)
        pods = [p for p in self._pods.by_index(BY_LABEL, value) if selector.items() <= labels_of(p).items()]
        labels = {**labels_of(service), MANAGED_BY: "endpoint-controller"}
        if is_headless(service):
            labels[HEADLESS] = ""
        await self._write(service, present, labels, subsets_of(service, pods))
        return None

    async def _write(
        self, service: Object, present: Object | None, labels: dict[str, str], subsets: list[Object]
    ) -> None:
        if present is not None:
            if (present.get("subsets") or []) == subsets and labels_of(present) == labels:
                return
            metadata = {**present["metadata"], "labels": labels}
            await self._client.update(ENDPOINTS, {**present, "metadata": metadata, "subsets": subsets})
            return
        metadata = {k: service["metadata"][k] for k in ("name", "namespace")} | {"labels": labels}
        body = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets}
        try:
            await self._client.create(ENDPOINTS, body)
        except AlreadyExists:
            pass  # its event brings us here again

    async def _delete(self, key: str) -> None:
        namespace, name = split_key(key)
        try:
            await self._client.delete(ENDPOINTS, name, namespace)
        except NotFound:
            pass
