"""Deployments: one ReplicaSet a pod template, rolled from the old one to the new one."""

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.events import EventRecorder
from control.client.resources import DEPLOYMENTS, PODS, REPLICASETS
from control.client.workqueue import WorkQueue
from control.controllers.deployment_plan import DeploymentPlan, plan
from control.controllers.metadata import (
    Object,
    annotations_of,
    controller_of,
    is_controlled_by,
    is_terminating,
    key_of,
    labels_of,
    uid_of,
)
from control.controllers.ownership import OwnerKind, RefManager
from control.controllers.revision import REVISION, same_template
from control.controllers.shared import NAMESPACE, OWNER, SharedInformers, candidates
from control.errors import AlreadyExists, NotFound
from control.schema.selector import LabelSelector


class DeploymentController(Controller):
    """Watches Deployments, their ReplicaSets and pods; writes ReplicaSets and the Deployments' status."""

    def __init__(
        self, client: ApiClient, informers: SharedInformers, events: EventRecorder, clock: Clock
    ) -> None:
        super().__init__("deployment", WorkQueue(clock), self.reconcile)
        self._client, self._events, self._clock = client, events, clock
        self._owners = RefManager(client, OwnerKind(DEPLOYMENTS, "Deployment"))
        self._deployments = informers.of(DEPLOYMENTS)
        self._replica_sets = informers.of(REPLICASETS)
        self._pods = informers.of(PODS)
        self._deployments.on_change(self._deployment_changed)
        self._replica_sets.on_change(self._replica_set_changed)
        self._pods.on_change(self._pod_changed)

    def _deployment_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        if obj:
            self.queue.add(key_of(obj))

    def _replica_set_changed(self, old: Object | None, new: Object | None) -> None:
        for obj in (old, new):
            if obj:
                self._add_owner(obj)
        if new and controller_of(new) is None and not is_terminating(new):
            for deployment in self._deployments.by_index(NAMESPACE, new["metadata"]["namespace"]):
                if LabelSelector.from_json(deployment["spec"]["selector"]).matches(labels_of(new)):
                    self.queue.add(key_of(deployment))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        """A pod that is gone may be the last one that a Recreate waits for."""
        if new is not None or old is None:
            return
        reference = controller_of(old)
        if reference and reference["kind"] == "ReplicaSet":
            owner = self._replica_sets.items.get(f"{old['metadata']['namespace']}/{reference['name']}")
            if owner and uid_of(owner) == reference["uid"]:
                self._add_owner(owner)

    def _add_owner(self, replica_set: Object) -> None:
        reference = controller_of(replica_set)
        if reference and reference["kind"] == "Deployment":
            self.queue.add(f"{replica_set['metadata']['namespace']}/{reference['name']}")

    async def reconcile(self, key: str) -> float | None:
        """One step for the Deployment of that key."""
        deployment = self._deployments.items.get(key)
        if deployment is None:
            return None
        selector = deployment["spec"].get("selector") or {}
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            text = "This deployment is selecting all pods. A non-empty selector is required."
            self._tell(deployment, "SelectingAll", text, kind="Warning")
            return None
        replica_sets = await self._owners.claimed(
            deployment,
            LabelSelector.from_json(selector),
            REPLICASETS,
            candidates(self._replica_sets, deployment),
        )
        pods = {uid_of(rs): self._pods.by_index(OWNER, uid_of(rs)) for rs in replica_sets}
        step = plan(deployment, replica_sets, pods, self._clock.now().timestamp())
        return await self._carry_out(deployment, step)

    async def _carry_out(self, deployment: Object, step: DeploymentPlan) -> float | None:
        if step.create and not await self._create(deployment, step.create):
            return 0.05
        for replica_set in step.updates.values():
            await self._client.update(REPLICASETS, replica_set)
        for reason, message in step.events:
            self._tell(deployment, reason, message)
        for replica_set in step.deletes:
            metadata = replica_set["metadata"]
            await self._delete(metadata["name"], metadata["namespace"], metadata["uid"])
        deployment = await self._note_revision(deployment, step.revision)
        if step.status is not None:
            await self._client.update(
                DEPLOYMENTS, {**deployment, "status": step.status}, subresource="status"
            )
        return step.again_s

    async def _create(self, deployment: Object, replica_set: Object) -> bool:
        """Create the new ReplicaSet; False when its name belongs to another one and the hash must change."""
        metadata = replica_set["metadata"]
        try:
            await self._client.create(REPLICASETS, replica_set)
        except AlreadyExists:
            there = await self._client.get(REPLICASETS, metadata["name"], metadata["namespace"])
            ours = is_controlled_by(there, deployment)
            if ours and same_template(there["spec"]["template"], replica_set["spec"]["template"]):
                return True
            status = dict(deployment.get("status") or {})
            status["collisionCount"] = int(status.get("collisionCount") or 0) + 1
            await self._client.update(DEPLOYMENTS, {**deployment, "status": status}, subresource="status")
            return False
        return True

    async def _delete(self, name: str, namespace: str, uid: str) -> None:
        try:
            await self._client.delete(REPLICASETS, name, namespace, uid=uid)
        except NotFound:
            pass

    async def _note_revision(self, deployment: Object, revision: int) -> Object:
        """Keep the Deployment's revision annotation equal to its new ReplicaSet's."""
        if revision == 0 or annotations_of(deployment).get(REVISION) == str(revision):
            return deployment
        metadata = deployment["metadata"]
        body = {
            "metadata": {
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
                "annotations": {REVISION: str(revision)},
            }
        }
        return await self._client.patch(DEPLOYMENTS, metadata["name"], metadata["namespace"], body)

    def _tell(self, deployment: Object, reason: str, message: str, *, kind: str = "Normal") -> None:
        about = {**deployment, "apiVersion": "apps/v1", "kind": "Deployment"}
        self._events.event(about, "Warning" if kind == "Warning" else "Normal", reason, message)
