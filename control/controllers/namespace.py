"""The end of a namespace: everything in it is deleted, then its finalizer, then it."""

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.resources import EVENTS, NAMESPACES, PODS
from control.client.workqueue import WorkQueue
from control.controllers.kinds import KnownKind, discover
from control.controllers.metadata import Object, is_terminating, timestamp_of
from control.controllers.shared import NAMESPACE, SharedInformers
from control.errors import ApiError, MethodNotSupported, NotFound

FINALIZER = "kubernetes"
_LOOK_AGAIN_S = 1.0


class NamespaceController(Controller):
    """Watches namespaces; empties those that are to go."""

    def __init__(self, client: ApiClient, informers: SharedInformers, clock: Clock) -> None:
        super().__init__("namespace", WorkQueue(clock), self.reconcile)
        self._client, self._clock = client, clock
        self._namespaces = informers.of(NAMESPACES)
        self._pods = informers.of(PODS)
        self._namespaces.on_change(self._namespace_changed)
        self._pods.on_change(self._pod_changed)

    def _namespace_changed(self, old: Object | None, new: Object | None) -> None:
        if new and is_terminating(new):
            self.queue.add(new["metadata"]["name"])

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        """Pods take longest to go: when the last one has, the namespace can."""
        if new is not None or old is None:
            return
        name = old["metadata"]["namespace"]
        namespace = self._namespaces.items.get(name)
        if namespace and is_terminating(namespace) and not self._pods.by_index(NAMESPACE, name):
            self.queue.add(name)

    async def reconcile(self, key: str) -> float | None:
        """Empty the namespace of that name; release it when nothing is left."""
        namespace = self._namespaces.items.get(key)
        if namespace is None or not is_terminating(namespace):
            return None
        if FINALIZER not in (namespace["spec"].get("finalizers") or ()):
            return None
        remaining: dict[str, list[Object]] = {}
        for known in await discover(self._client):
            if known.resource.namespaced and {"list", "delete"} <= known.verbs:
                left = await self._empty(known, key)
                if left:
                    remaining[known.resource.plural] = left
        if not remaining:
            await self._finalize(key)
            return None
        await self._tell_remaining(namespace, remaining)
        return _LOOK_AGAIN_S

    async def _empty(self, known: KnownKind, namespace: str) -> list[Object]:
        """Delete all objects of a kind; those that are still there afterwards."""
        try:
            listed = await self._client.list(known.resource, namespace)
        except (NotFound, MethodNotSupported):
            return []
        left = []
        for obj in listed.items:
            name = obj["metadata"]["name"]
            if not is_terminating(obj):
                try:
                    answer = await self._client.delete(
                        known.resource, name, namespace, propagation="Background"
                    )
                except NotFound:
                    continue
                if known.resource == EVENTS or not _is_going(answer):
                    continue
            left.append(obj)
        return left

    async def _finalize(self, name: str) -> None:
        """Take our finalizer away: the API server then removes the namespace."""
        try:
            fresh = await self._client.get(NAMESPACES, name)
            finalizers = [f for f in fresh["spec"].get("finalizers") or () if f != FINALIZER]
            body = {**fresh, "spec": {**fresh["spec"], "finalizers": finalizers}}
            await self._client.update(NAMESPACES, body, subresource="finalize")
        except NotFound:
            pass

    async def _tell_remaining(self, namespace: Object, remaining: dict[str, list[Object]]) -> None:
        counts = ", ".join(
            f"{kind} has {len(objects)} resource instances" for kind, objects in sorted(remaining.items())
        )
        finalizers: dict[str, int] = {}
        for objects in remaining.values():
            for obj in objects:
                for name in obj["metadata"].get("finalizers") or ():
                    finalizers[name] = finalizers.get(name, 0) + 1
        held = ", ".join(
            f"{name} in {count} resource instances" for name, count in sorted(finalizers.items())
        )
        now = timestamp_of(self._clock.now().timestamp())
        wanted = [
            _condition("NamespaceDeletionDiscoveryFailure", False, "ResourcesDiscovered", "All resources successfully discovered"),
            _condition("NamespaceDeletionGroupVersionParsingFailure", False, "ParsedGroupVersions", "All legacy kube types successfully parsed"),
            _condition("NamespaceDeletionContentFailure", False, "ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
            _condition("NamespaceContentRemaining", True, "SomeResourcesRemain", f"Some resources are remaining: {counts}"),
            _condition("NamespaceFinalizersRemaining", True, "SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {held}")
            if held
            else _condition("NamespaceFinalizersRemaining", False, "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        ]  # fmt: skip
        before = {c["type"]: c for c in (namespace.get("status") or {}).get("conditions") or ()}
        for condition in wanted:
            old = before.get(condition["type"])
            same = old is not None and old["status"] == condition["status"]
            condition["lastTransitionTime"] = old["lastTransitionTime"] if old and same else now
        status = {**(namespace.get("status") or {}), "conditions": wanted}
        if status == namespace.get("status"):
            return
        try:
            await self._client.update(NAMESPACES, {**namespace, "status": status}, subresource="status")
        except ApiError:
            pass  # told at the next look


def _is_going(answer: Object) -> bool:
    """Whether a delete's answer is an object that only has been marked: it has a grace or finalizers."""
    return answer.get("kind") != "Status" and bool((answer.get("metadata") or {}).get("deletionTimestamp"))


def _condition(kind: str, status: object, reason: str, message: str) -> Object:
    return {"type": kind, "status": str(bool(status)), "reason": reason, "message": message}
