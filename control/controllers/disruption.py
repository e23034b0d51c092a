"""PodDisruptionBudgets: how many pods may be evicted now, which evictions then heed."""

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.resources import DEPLOYMENTS, PODDISRUPTIONBUDGETS, PODS, REPLICASETS, STATEFULSETS
from control.client.workqueue import WorkQueue
from control.controllers.disruption_plan import SETTLE_S, expected_pods, status
from control.controllers.metadata import Object, controller_of, key_of, labels_of
from control.controllers.rollout import replicas_of
from control.controllers.shared import NAMESPACE, SharedInformers
from control.errors import NotFound
from control.schema.selector import LabelSelector

_GATHER_S = 0.01


class DisruptionController(Controller):
    """Watches budgets, pods and what makes them; writes the budgets' status."""

    def __init__(self, client: ApiClient, informers: SharedInformers, clock: Clock) -> None:
        super().__init__("disruption", WorkQueue(clock), self.reconcile)
        self._client, self._clock = client, clock
        self._budgets = informers.of(PODDISRUPTIONBUDGETS)
        self._pods = informers.of(PODS)
        self._owners = {
            "ReplicaSet": informers.of(REPLICASETS),
            "Deployment": informers.of(DEPLOYMENTS),
            "StatefulSet": informers.of(STATEFULSETS),
        }
        self._budgets.on_change(self._budget_changed)
        self._pods.on_change(self._pod_changed)
        for kind in ("Deployment", "StatefulSet"):
            self._owners[kind].on_change(self._owner_changed)

    def _budget_changed(self, old: Object | None, new: Object | None) -> None:
        if new:
            self.queue.add(key_of(new))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        for pod in (old, new):
            if pod is None:
                continue
            for budget in self._budgets.by_index(NAMESPACE, pod["metadata"]["namespace"]):
                if LabelSelector.from_json(budget["spec"].get("selector")).matches(labels_of(pod)):
                    self.queue.add_after(key_of(budget), _GATHER_S)

    def _owner_changed(self, old: Object | None, new: Object | None) -> None:
        owner = new or old
        if owner is None or (old and new and replicas_of(old) == replicas_of(new)):
            return
        for budget in self._budgets.by_index(NAMESPACE, owner["metadata"]["namespace"]):
            self.queue.add_after(key_of(budget), _GATHER_S)

    async def reconcile(self, key: str) -> float | None:
        """Recount the budget of that key."""
        budget = self._budgets.items.get(key)
        if budget is None:
            return None
        namespace = budget["metadata"]["namespace"]
        selector = LabelSelector.from_json(budget["spec"].get("selector"))
        pods = [pod for pod in self._pods.by_index(NAMESPACE, namespace) if selector.matches(labels_of(pod))]
        absolute = isinstance(budget["spec"].get("minAvailable"), int)
        expected = len(pods) if absolute else expected_pods(pods, self._scale_of)
        wanted = status(budget, pods, expected, self._clock.now().timestamp())
        if wanted != (budget.get("status") or {}):
            try:
                await self._client.update(
                    PODDISRUPTIONBUDGETS, {**budget, "status": wanted}, subresource="status"
                )
            except NotFound:
                return None
        return SETTLE_S if wanted.get("disruptedPods") else None

    def _scale_of(self, pod: Object) -> int | None:
        """Replicas that the pod's owner wants: a ReplicaSet's Deployment has the say, if there is one."""
        owner = self._owner(pod)
        above = self._owner(owner) if owner else None
        chosen = above or owner
        return replicas_of(chosen) if chosen else None

    def _owner(self, obj: Object) -> Object | None:
        reference = controller_of(obj)
        informer = self._owners.get(reference["kind"]) if reference else None
        if reference is None or informer is None:
            return None
        return informer.items.get(f"{obj['metadata']['namespace']}/{reference['name']}")
