"""One step of a Deployment: from what is observed to what is to be written. Pure.

The step works on copies of the ReplicaSets and assumes that its own writes succeed; a stale copy makes
the API server answer Conflict, and the step is made again from fresh ones.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field

from control.controllers.deployment_status import (
    PROGRESSING,
    TIMED_OUT,
    Verdict,
    counted_status,
    has_deadline,
    is_complete,
    rollout_status,
    seconds_to_deadline,
    with_condition,
)
from control.controllers.metadata import Object, annotations_of, is_terminating, uid_of, without_empty
from control.controllers.pod_state import condition_of, is_finished
from control.controllers.revision import (
    annotations_for,
    new_replica_set,
    newest_of,
    revision_of,
    size_annotations,
)
from control.controllers.rollout import (
    DESIRED,
    is_rolling,
    new_replicas,
    old_sizes,
    proportional_sizes,
    replicas_of,
    status_count,
)


@dataclass(slots=True)
class DeploymentPlan:
    """What one step writes, in this order: creates, updates, events, deletes, the annotation, the status."""

    create: Object | None = None
    updates: dict[str, Object] = field(default_factory=dict)
    deletes: list[Object] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    revision: int = 0
    status: Object | None = None
    again_s: float | None = None


def plan(
    deployment: Object, replica_sets: Sequence[Object], pods: Mapping[str, Sequence[Object]], now: float
) -> DeploymentPlan:
    """The next step.

    replica_sets: those that the Deployment controls. pods: ReplicaSet uid → its pods.
    """
    return _Step(deployment, replica_sets, now).run(pods)


class _Step:
    """The ReplicaSets as they will be, while the step is put together."""

    def __init__(self, deployment: Object, replica_sets: Sequence[Object], now: float) -> None:
        self.deployment, self.now = deployment, now
        self.status_before: Object = deployment.get("status") or {}
        self.sets = {rs["metadata"]["name"]: rs for rs in replica_sets}
        newest = newest_of(deployment, replica_sets)
        self.new_name = newest["metadata"]["name"] if newest else None
        self.plan = DeploymentPlan()

    @property
    def new(self) -> Object | None:
        return self.sets[self.new_name] if self.new_name else None

    @property
    def every(self) -> list[Object]:
        return list(self.sets.values())

    @property
    def old(self) -> list[Object]:
        return [rs for name, rs in self.sets.items() if name != self.new_name]

    @property
    def live_old(self) -> list[Object]:
        return [rs for rs in self.old if replicas_of(rs) > 0]

    def run(self, pods: Mapping[str, Sequence[Object]]) -> DeploymentPlan:
        if is_terminating(self.deployment):
            return self._finish(counted_status)
        self._note_pause()
        if self.deployment["spec"].get("paused") or self._was_scaled():
            self._meet_new(create=False)
            self._scale()
            if self.deployment["spec"].get("paused"):
                self._clean_up()
            return self._finish(counted_status)
        if is_rolling(self.deployment):
            self._roll()
        else:
            self._recreate(pods)
        return self._finish(rollout_status)

    def _finish(self, status_of: Callable[..., Object]) -> DeploymentPlan:
        status = status_of(self.deployment, self.every, self.new, self.now)
        if status_of is counted_status:
            zero = {"terminatingReplicas": 0} if status.get("terminatingReplicas") == 0 else {}
            status = {**without_empty(status), **zero}
        self.plan.status = status if status != self.status_before else None
        self.plan.again_s = seconds_to_deadline(self.deployment, status, self.now)
        return self.plan

    def _note_pause(self) -> None:
        """Progressing tells of a pause, and of its end, so that paused time is no lack of progress."""
        if not has_deadline(self.deployment):
            return
        current = condition_of(self.deployment, PROGRESSING)
        if current and current.get("reason") == TIMED_OUT:
            return
        was_paused = current is not None and current.get("reason") == "DeploymentPaused"
        paused = bool(self.deployment["spec"].get("paused"))
        if paused and not was_paused:
            self._progressing(Verdict("Unknown", "DeploymentPaused", "Deployment is paused"))
        elif was_paused and not paused:
            self._progressing(Verdict("Unknown", "DeploymentResumed", "Deployment is resumed"))

    def _progressing(self, verdict: Verdict) -> None:
        status = dict(self.deployment.get("status") or {})
        status["conditions"] = with_condition(status.get("conditions") or [], PROGRESSING, verdict, self.now)
        self.deployment = {**self.deployment, "status": status}

    def _was_scaled(self) -> bool:
        """Whether a live ReplicaSet remembers another size of the Deployment."""
        wanted = str(replicas_of(self.deployment))
        live = [rs for rs in self.every if replicas_of(rs) > 0]
        return any(annotations_of(rs).get(DESIRED, wanted) != wanted for rs in live)

    def _meet_new(self, *, create: bool) -> None:
        """Bring the new ReplicaSet's annotations up to date, or create it."""
        revision = max((revision_of(rs) for rs in self.old), default=0) + 1
        if self.new is not None:
            self._adjust_new(self.new, revision)
        elif create:
            self._create_new(revision)
        if self.new is not None:
            self.plan.revision = revision_of(self.new)

    def _adjust_new(self, new: Object, revision: int) -> None:
        annotations = annotations_for(self.deployment, new, revision)
        min_ready = self.deployment["spec"].get("minReadySeconds") or 0
        if annotations != annotations_of(new) or min_ready != (new["spec"].get("minReadySeconds") or 0):
            spec = {**new["spec"], "minReadySeconds": min_ready}
            self._write({**new, "metadata": {**new["metadata"], "annotations": annotations}, "spec": spec})
        if has_deadline(self.deployment) and condition_of(self.deployment, PROGRESSING) is None:
            message = f'Found new replica set "{new["metadata"]["name"]}"'
            self._progressing(Verdict("True", "FoundNewReplicaSet", message))

    def _create_new(self, revision: int) -> None:
        replicas = new_replicas(self.deployment, self.every, 0)
        new = new_replica_set(self.deployment, replicas, revision)
        self.plan.create = new
        self.new_name = str(new["metadata"]["name"])
        self.sets[self.new_name] = new
        if replicas > 0:
            self._tell_scaled(self.new_name, 0, replicas)
        if has_deadline(self.deployment):
            message = f'Created new replica set "{self.new_name}"'
            self._progressing(Verdict("True", "NewReplicaSetCreated", message))

    def _write(self, replica_set: Object) -> None:
        name = replica_set["metadata"]["name"]
        self.sets[name] = replica_set
        if self.plan.create is not None and self.plan.create["metadata"]["name"] == name:
            self.plan.create = replica_set
        else:
            self.plan.updates[name] = replica_set

    def _tell_scaled(self, name: str, before: int, after: int) -> None:
        direction = "up" if after > before else "down"
        text = f"Scaled {direction} replica set {name} from {before} to {after}"
        self.plan.events.append(("ScalingReplicaSet", text))

    def _resize(self, replica_set: Object, size: int) -> bool:
        """Set size and remembered sizes; whether pods will come or go."""
        before, name = replicas_of(replica_set), replica_set["metadata"]["name"]
        remembered = size_annotations(self.deployment)
        have = annotations_of(replica_set)
        if before == size and all(have.get(k) == v for k, v in remembered.items()):
            return False
        metadata = {**replica_set["metadata"], "annotations": {**have, **remembered}}
        self._write({**replica_set, "metadata": metadata, "spec": {**replica_set["spec"], "replicas": size}})
        if before == size:
            return False
        self._tell_scaled(name, before, size)
        return True

    def _scale(self) -> None:
        """Follow a change of the Deployment's own size, without a step of the rollout."""
        wanted = replicas_of(self.deployment)
        live = [rs for rs in self.every if replicas_of(rs) > 0]
        latest = max(self.old, key=lambda rs: str(rs["metadata"].get("creationTimestamp", "")), default=None)
        lone = live[0] if len(live) == 1 else (self.new or latest) if not live else None
        if lone is not None:
            self._resize(lone, wanted)
            return
        new = self.new
        if new and replicas_of(new) == wanted == status_count(new, "availableReplicas"):
            for rs in self.live_old:
                self._resize(rs, 0)
        elif is_rolling(self.deployment) and live:
            for name, size in proportional_sizes(self.deployment, live).items():
                self._resize(self.sets[name], size)

    def _roll(self) -> None:
        self._meet_new(create=True)
        new = self.new
        if new is None:
            return
        wanted = replicas_of(self.deployment)
        if self.plan.create is None and replicas_of(new) != wanted:
            size = wanted if replicas_of(new) > wanted else None
            grown = new_replicas(self.deployment, self.every, replicas_of(new)) if size is None else size
            if self._resize(new, grown):
                return
        sizes = old_sizes(self.deployment, self.live_old, self.new)
        resized = [self._resize(self.sets[name], size) for name, size in sizes.items()]
        if any(resized):
            return
        self._clean_up_when_complete()

    def _recreate(self, pods: Mapping[str, Sequence[Object]]) -> None:
        self._meet_new(create=False)
        live = self.live_old
        for rs in live:
            self._resize(rs, 0)
        if live or self._old_pods_run(pods):
            return
        self._meet_new(create=True)
        if self.new is not None:
            self._resize(self.new, replicas_of(self.deployment))
        self._clean_up_when_complete()

    def _old_pods_run(self, pods: Mapping[str, Sequence[Object]]) -> bool:
        if any(status_count(rs, "replicas") for rs in self.old):
            return True
        new_uid = uid_of(self.new) if self.new else ""
        return any(not is_finished(pod) for uid, theirs in pods.items() if uid != new_uid for pod in theirs)

    def _clean_up_when_complete(self) -> None:
        if is_complete(self.deployment, self.deployment.get("status") or {}):
            self._clean_up()

    def _clean_up(self) -> None:
        """Delete old, empty ReplicaSets beyond the history limit, the oldest revisions first."""
        limit = self.deployment["spec"].get("revisionHistoryLimit")
        if limit is None:
            return
        candidates = [rs for rs in self.old if not is_terminating(rs)]
        surplus = len(candidates) - int(limit)
        for rs in sorted(candidates, key=revision_of)[: max(0, surplus)]:
            unseen = rs["metadata"].get("generation", 0) > status_count(rs, "observedGeneration")
            if replicas_of(rs) or status_count(rs, "replicas") or unseen:
                continue
            self.plan.deletes.append(copy(rs))
