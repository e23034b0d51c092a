"""A StatefulSet's next step: numbered pods, one after the other, each with its own name. Pure."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from re import fullmatch

from control.controllers.controller_revision import HASH
from control.controllers.metadata import Object, controller_reference, is_terminating, labels_of
from control.controllers.pod_state import available_in, is_finished, is_ready
from control.controllers.replicaset_plan import new_pod
from control.controllers.rollout import replicas_of

POD_NAME, POD_INDEX = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"


@dataclass(slots=True)
class StatefulSetPlan:
    """Ordinals to create with the revision of each, and pods to delete."""

    create: list[tuple[int, str]] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Revisions:
    """Hashes of the template that runs and of the one that is wanted."""

    current: str
    update: str


def ordinal_of(stateful_set: Object, pod: Object) -> int | None:
    """The pod's number, None when its name is not of this set."""
    match = fullmatch(rf"{stateful_set['metadata']['name']}-(\d+)", pod["metadata"]["name"])
    return int(match[1]) if match else None


def first_ordinal(stateful_set: Object) -> int:
    """Where numbering begins."""
    return int((stateful_set["spec"].get("ordinals") or {}).get("start") or 0)


def partition_of(stateful_set: Object) -> int:
    """Pods with a lower ordinal keep the old template."""
    strategy = stateful_set["spec"].get("updateStrategy") or {}
    return int((strategy.get("rollingUpdate") or {}).get("partition") or 0)


def is_rolling(stateful_set: Object) -> bool:
    """Whether a new template is rolled out at all, or only when a pod is deleted by hand."""
    return (
        str((stateful_set["spec"].get("updateStrategy") or {}).get("type") or "RollingUpdate") != "OnDelete"
    )


def plan(
    stateful_set: Object, pods: Mapping[int, Object], revisions: Revisions, now: float
) -> StatefulSetPlan:
    """What may be done now.

    pods: by ordinal. With OrderedReady a pod is started or stopped only when all before it are well.
    """
    result = StatefulSetPlan()
    if is_terminating(stateful_set):
        return result
    step = _Step(stateful_set, pods, revisions, now)
    if step.bring_up(result) and step.bring_down(result) and is_rolling(stateful_set):
        step.update(result)
    return result


class _Step:
    def __init__(
        self, stateful_set: Object, pods: Mapping[int, Object], revisions: Revisions, now: float
    ) -> None:
        spec = stateful_set["spec"]
        self.set, self.pods, self.revisions, self.now = stateful_set, pods, revisions, now
        self.ordered = (spec.get("podManagementPolicy") or "OrderedReady") == "OrderedReady"
        self.min_ready = int(spec.get("minReadySeconds") or 0)
        first = first_ordinal(stateful_set)
        self.wanted = range(first, first + replicas_of(stateful_set))

    def is_well(self, pod: Object) -> bool:
        return not is_terminating(pod) and available_in(pod, self.min_ready, self.now) == 0

    def bring_up(self, result: StatefulSetPlan) -> bool:
        """Create what is missing; whether the next phase may begin."""
        for ordinal in self.wanted:
            pod = self.pods.get(ordinal)
            if pod is None:
                result.create.append((ordinal, self._revision_for(ordinal)))
            elif is_finished(pod) and not is_terminating(pod):
                result.delete.append(pod)
            elif self.is_well(pod):
                continue
            if self.ordered:
                return False
        return True

    def _revision_for(self, ordinal: int) -> str:
        """A lost pod below the partition comes back with the template that it had."""
        if not is_rolling(self.set):
            return self.revisions.current
        old = ordinal < first_ordinal(self.set) + partition_of(self.set)
        return self.revisions.current if old else self.revisions.update

    def bring_down(self, result: StatefulSetPlan) -> bool:
        """Delete what is too much, the highest ordinal first; whether the next phase may begin."""
        surplus = sorted((o for o in self.pods if o not in self.wanted), reverse=True)
        for ordinal in surplus:
            pod = self.pods[ordinal]
            if not is_terminating(pod):
                result.delete.append(pod)
            if self.ordered:
                return False
        return not surplus

    def update(self, result: StatefulSetPlan) -> None:
        """Delete one pod of the old template, the highest ordinal first; it comes back with the new one."""
        for ordinal in sorted(self.wanted, reverse=True):
            pod = self.pods.get(ordinal)
            if pod is None or ordinal < first_ordinal(self.set) + partition_of(self.set):
                return
            if labels_of(pod).get(HASH) != self.revisions.update and not is_terminating(pod):
                result.delete.append(pod)
                return
            if not self.is_well(pod):
                return


def claims_of(stateful_set: Object, ordinal: int) -> list[Object]:
    """The PersistentVolumeClaims of a pod; they outlive it."""
    name = f"{stateful_set['metadata']['name']}-{ordinal}"
    labels = (stateful_set["spec"].get("selector") or {}).get("matchLabels") or {}
    made = []
    for template in stateful_set["spec"].get("volumeClaimTemplates") or ():
        claim = deepcopy(template)
        claim.pop("status", None)
        claim |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
        metadata = {
            "name": f"{template['metadata']['name']}-{name}",
            "namespace": stateful_set["metadata"]["namespace"],
        }
        claim["metadata"] = {**template["metadata"], **metadata, "labels": labels}
        made.append(claim)
    return made


def numbered_pod(stateful_set: Object, template: Object, ordinal: int, revision: str) -> Object:
    """The pod of an ordinal, made from the template of a revision."""
    name = f"{stateful_set['metadata']['name']}-{ordinal}"
    source = {**stateful_set, "spec": {**stateful_set["spec"], "template": template}}
    pod = new_pod(source, "apps/v1", "StatefulSet")
    metadata = pod["metadata"]
    del metadata["generateName"]
    metadata["name"] = name
    numbers = {HASH: revision, POD_NAME: name, POD_INDEX: str(ordinal)}
    metadata["labels"] = {**metadata["labels"], **numbers}
    metadata["ownerReferences"] = [controller_reference(stateful_set, "apps/v1", "StatefulSet")]
    spec = deepcopy(pod["spec"])
    spec["hostname"] = name
    if stateful_set["spec"].get("serviceName"):
        spec["subdomain"] = stateful_set["spec"]["serviceName"]
    claims = claims_of(stateful_set, ordinal)
    if claims:
        named = {t["metadata"]["name"] for t in stateful_set["spec"]["volumeClaimTemplates"]}
        others = [v for v in spec.get("volumes") or () if v["name"] not in named]
        ours = [
            {
                "name": claim["metadata"]["name"].removesuffix(f"-{name}"),
                "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]},
            }
            for claim in claims
        ]
        spec["volumes"] = others + ours
    pod["spec"] = spec
    return pod


def status(stateful_set: Object, pods: Sequence[Object], revisions: Revisions, now: float) -> Object:
    """The StatefulSet's status; once all pods are of the new template, it is the current one."""
    min_ready = int(stateful_set["spec"].get("minReadySeconds") or 0)
    there = [pod for pod in pods if not is_finished(pod)]

    def of(revision: str) -> int:
        return sum(1 for p in there if labels_of(p).get(HASH) == revision and not is_terminating(p))

    updated, wanted = of(revisions.update), replicas_of(stateful_set)
    ready = sum(1 for p in there if is_ready(p) and not is_terminating(p))
    available = sum(1 for p in there if available_in(p, min_ready, now) == 0 and not is_terminating(p))
    complete = updated == wanted == len(there) == ready
    current = revisions.update if complete and is_rolling(stateful_set) else revisions.current
    optional = {
        "readyReplicas": ready,
        "currentReplicas": updated if current == revisions.update else of(current),
        "updatedReplicas": updated,
        "currentRevision": current,
        "updateRevision": revisions.update,
        "observedGeneration": stateful_set["metadata"].get("generation", 0),
    }
    return {
        "replicas": len(there),
        "availableReplicas": available,
        "collisionCount": int((stateful_set.get("status") or {}).get("collisionCount") or 0),
        **{name: value for name, value in optional.items() if value},
    }
