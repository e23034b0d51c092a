"""EndpointSlices: for each Service with a selector, the addresses of its pods and whether they serve."""

from collections.abc import Iterable

from control.client.client import ApiClient, ApiUnreachable
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.resources import ENDPOINTSLICES, NODES, PODS, SERVICES
from control.client.workqueue import WorkQueue
from control.controllers.endpoint import belongs, concerns
from control.controllers.endpointslice_plan import CONTROLLER, MANAGED_BY, SERVICE_NAME, SlicePlan, plan
from control.controllers.metadata import Object, is_terminating, key_of, labels_of
from control.controllers.overlay import Overlay
from control.controllers.shared import SharedInformers
from control.errors import ApiError, NotFound

_GATHER_MOST_S, _GATHER_EACH_S = 0.05, 0.0005
"""How long changes are gathered: nothing to speak of for few endpoints, 50 ms for a hundred and more. Each
write of a full slice is read by every node."""

_BY_SERVICE, BY_LABEL, BY_SELECTOR = "slice service", "pod label", "service selector"


def label_keys(pod: Object) -> Iterable[str]:
    """All of a pod's labels, each with its namespace."""
    namespace = pod["metadata"]["namespace"]
    return [f"{namespace}|{k}={v}" for k, v in labels_of(pod).items()]


def selector_keys(service: Object) -> Iterable[str]:
    """One label is enough to find a Service from a pod; the least, so that it is always the same."""
    selector = service["spec"].get("selector") or {}
    if not selector:
        return ()
    label = min(selector)
    return (f"{service['metadata']['namespace']}|{label}={selector[label]}",)


def _service_keys(slice_: Object) -> Iterable[str]:
    labels = labels_of(slice_)
    if labels.get(MANAGED_BY) != CONTROLLER:
        return ()
    return (f"{slice_['metadata']['namespace']}/{labels.get(SERVICE_NAME, '')}",)


class EndpointSliceController(Controller):
    """Watches Services, pods and our slices; writes slices."""

    def __init__(self, client: ApiClient, informers: SharedInformers, clock: Clock) -> None:
        super().__init__("endpointslice", WorkQueue(clock), self.reconcile)
        self._client = client
        self._services = informers.of(SERVICES)
        self._pods = informers.of(PODS)
        self._nodes = informers.of(NODES)
        self._slices = informers.of(ENDPOINTSLICES)
        self._services.index(BY_SELECTOR, selector_keys)
        self._pods.index(BY_LABEL, label_keys)
        self._slices.index(_BY_SERVICE, _service_keys)
        self._overlay = Overlay(self._slices)
        self._services.on_change(self._service_changed)
        self._pods.on_change(self._pod_changed)
        self._slices.on_change(self._slice_changed)

    def _service_changed(self, old: Object | None, new: Object | None) -> None:
        service = new or old
        if service:
            self.queue.add(key_of(service))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if old and new and concerns(old) == concerns(new):
            return
        for pod in (old, new):
            # A pod without an address is in no slice: its creation and its binding change none.
            if pod and belongs(pod):
                self._wake_services(pod)

    def _wake_services(self, pod: Object) -> None:
        labels = labels_of(pod)
        for value in label_keys(pod):
            for service in self._services.by_index(BY_SELECTOR, value):
                if service["spec"]["selector"].items() <= labels.items():
                    self._wake(key_of(service))

    def _wake(self, key: str) -> None:
        endpoints = sum(len(s.get("endpoints") or ()) for s in self._slices.by_index(_BY_SERVICE, key))
        self.queue.add_after(key, min(_GATHER_MOST_S, endpoints * _GATHER_EACH_S))

    def _slice_changed(self, old: Object | None, new: Object | None) -> None:
        for slice_ in (old, new):
            if slice_:
                for key in _service_keys(slice_):
                    self.queue.add(key)

    async def reconcile(self, key: str) -> float | None:
        """Make the slices of the Service of that key right."""
        slices = self._overlay.merged(key, self._slices.by_index(_BY_SERVICE, key))
        service = self._services.items.get(key)
        if service is None:
            self._overlay.forget(key)
            await self._carry_out(key, SlicePlan(deletes=slices))
            return None
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName" or is_terminating(service):
            return None
        step = plan(service, self._selected(service), self._nodes.items, slices)
        try:
            await self._carry_out(key, step)
        except (ApiError, ApiUnreachable):
            self._overlay.forget(key)
            raise
        return None

    def _selected(self, service: Object) -> list[Object]:
        selector = service["spec"]["selector"]
        (value,) = selector_keys(service)
        pods = self._pods.by_index(BY_LABEL, value)
        return [pod for pod in pods if selector.items() <= labels_of(pod).items()]

    async def _carry_out(self, key: str, step: SlicePlan) -> None:
        for slice_ in step.updates:
            self._overlay.wrote(key, await self._client.update(ENDPOINTSLICES, slice_))
        for slice_ in step.creates:
            self._overlay.wrote(key, await self._client.create(ENDPOINTSLICES, slice_))
        for slice_ in step.deletes:
            metadata = slice_["metadata"]
            try:
                await self._client.delete(
                    ENDPOINTSLICES, metadata["name"], metadata["namespace"], uid=metadata["uid"]
                )
            except NotFound:
                pass
            self._overlay.deleted(key, slice_)
