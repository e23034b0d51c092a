"""Revisions of a Deployment: which ReplicaSet is the new one, its hash, its annotations. Pure."""

from collections.abc import Iterable
from copy import deepcopy
from hashlib import sha256
from json import dumps

from control.controllers.metadata import Object, annotations_of, controller_reference, labels_of
from control.controllers.rollout import DESIRED, MAX, max_surge, replicas_of

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
_NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        HISTORY,
        DESIRED,
        MAX,
        "deprecated.deployment.rollback.to",
    }
)
# No vowels and no digits that look like them: a hash never spells a word.
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Object, collisions: int) -> str:
    """A stable name of a pod template: ten characters that are safe in labels and names.

    collisions: status.collisionCount; another count gives another hash of the same template.
    """
    text = dumps(template, sort_keys=True, separators=(",", ":")) + (str(collisions) if collisions else "")
    number = int.from_bytes(sha256(text.encode()).digest()[:8], "big")
    letters = []
    for _ in range(10):
        number, index = divmod(number, len(_SAFE))
        letters.append(_SAFE[index])
    return "".join(letters)


def same_template(one: Object, other: Object) -> bool:
    """Whether two pod templates are equal but for the hash label."""
    return _without_hash(one) == _without_hash(other)


def _without_hash(template: Object) -> Object:
    metadata = {k: v for k, v in (template.get("metadata") or {}).items() if v is not None}
    labels = {k: v for k, v in (metadata.pop("labels", None) or {}).items() if k != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}


def revision_of(obj: Object) -> int:
    """The revision annotation as a number, 0 when absent or garbled."""
    try:
        return int(annotations_of(obj).get(REVISION, "0"))
    except ValueError:
        return 0


def newest_of(deployment: Object, replica_sets: Iterable[Object]) -> Object | None:
    """The ReplicaSet of the Deployment's present template; the oldest one when there are several."""
    template = deployment["spec"]["template"]
    ordered = sorted(
        replica_sets,
        key=lambda rs: (str(rs["metadata"].get("creationTimestamp", "")), rs["metadata"]["name"]),
    )
    return next((rs for rs in ordered if same_template(rs["spec"]["template"], template)), None)


def new_replica_set(deployment: Object, replicas: int, revision: int) -> Object:
    """The ReplicaSet to create for the Deployment's present template."""
    template = deepcopy(deployment["spec"]["template"])
    collisions = int((deployment.get("status") or {}).get("collisionCount") or 0)
    suffix = template_hash(template, collisions)
    metadata = template.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), HASH_LABEL: suffix}
    selector = deepcopy(deployment["spec"]["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: suffix}
    replica_set: Object = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{deployment['metadata']['name']}-{suffix}",
            "namespace": deployment["metadata"]["namespace"],
            "labels": dict(labels_of({"metadata": metadata})),
            "annotations": {},
            "ownerReferences": [controller_reference(deployment, "apps/v1", "Deployment")],
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    }
    if deployment["spec"].get("minReadySeconds"):
        replica_set["spec"]["minReadySeconds"] = deployment["spec"]["minReadySeconds"]
    replica_set["metadata"]["annotations"] = {
        **annotations_for(deployment, replica_set, revision),
        **size_annotations(deployment),
    }
    return replica_set


def size_annotations(deployment: Object) -> dict[str, str]:
    """What each ReplicaSet remembers of the Deployment's size, for proportional scaling."""
    wanted = replicas_of(deployment)
    return {DESIRED: str(wanted), MAX: str(wanted + max_surge(deployment))}


def annotations_for(deployment: Object, replica_set: Object, revision: int) -> dict[str, str]:
    """Annotations of the new ReplicaSet: the Deployment's own, its revision, and revisions it had before."""
    have = dict(annotations_of(replica_set))
    have.update({k: v for k, v in annotations_of(deployment).items() if k not in _NOT_COPIED})
    before = revision_of(replica_set)
    if before < revision:
        have[REVISION] = str(revision)
        if before:
            earlier = [r for r in have.get(HISTORY, "").split(",") if r]
            have[HISTORY] = ",".join([*earlier, str(before)])
    return have
