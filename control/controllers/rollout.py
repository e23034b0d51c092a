"""The arithmetic of a rollout: how many pods more, how many fewer. Pure; numbers as upstream rounds them."""

from collections.abc import Sequence
from math import ceil, floor

from control.controllers.metadata import Object, annotations_of

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAX = "deployment.kubernetes.io/max-replicas"


def scaled_value(value: int | str, total: int, *, round_up: bool) -> int:
    """A number, or a percentage of a total.

    >>> [scaled_value(v, 10, round_up=up) for v, up in (("25%", True), ("25%", False), (3, True))]
    [3, 2, 3]
    """
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * total / 100
    return ceil(share) if round_up else floor(share)


def fenceposts(max_surge: int | str, max_unavailable: int | str, replicas: int) -> tuple[int, int]:
    """Surge and unavailable pods as numbers; both zero would stall, then one may be unavailable.

    >>> fenceposts("25%", "25%", 3), fenceposts(0, "10%", 5)
    ((1, 0), (0, 1))
    """
    surge = scaled_value(max_surge, replicas, round_up=True)
    unavailable = scaled_value(max_unavailable, replicas, round_up=False)
    return surge, 1 if surge == 0 and unavailable == 0 else unavailable


def replicas_of(obj: Object) -> int:
    """spec.replicas; the API's default is 1."""
    value = obj["spec"].get("replicas")
    return 1 if value is None else int(value)


def is_rolling(deployment: Object) -> bool:
    """Whether the strategy is RollingUpdate, the default."""
    return str((deployment["spec"].get("strategy") or {}).get("type") or "RollingUpdate") == "RollingUpdate"


def _posts_of(deployment: Object) -> tuple[int, int]:
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    return fenceposts(
        rolling.get("maxSurge", "25%"), rolling.get("maxUnavailable", "25%"), replicas_of(deployment)
    )


def max_surge(deployment: Object) -> int:
    """Pods above the wanted number during a rolling update."""
    return _posts_of(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Object) -> int:
    """Pods that may be missing during a rolling update."""
    if not is_rolling(deployment) or replicas_of(deployment) == 0:
        return 0
    return min(_posts_of(deployment)[1], replicas_of(deployment))


def status_count(replica_set: Object, field: str) -> int:
    """A number of the status, 0 when absent."""
    return int((replica_set.get("status") or {}).get(field) or 0)


def total(replica_sets: Sequence[Object]) -> int:
    """Sum of the wanted replicas."""
    return sum(replicas_of(rs) for rs in replica_sets)


def new_replicas(deployment: Object, every: Sequence[Object], current: int) -> int:
    """Size of the new ReplicaSet after the next step up.

    every: all ReplicaSets of the Deployment, the new one included when it exists.
    """
    wanted = replicas_of(deployment)
    if not is_rolling(deployment):
        return wanted
    room = wanted + max_surge(deployment) - total(every)
    if room <= 0:
        return current
    return current + min(room, wanted - current)


def proportional_sizes(deployment: Object, active: Sequence[Object]) -> dict[str, int]:
    """Sizes of several live ReplicaSets after the Deployment was scaled in the middle of a rollout.

    active: ReplicaSets with pods. The difference is shared in proportion to their sizes; what rounding
    leaves over goes to the first: the largest, newest first when growing, oldest first when shrinking.
    """
    allowed = replicas_of(deployment) + max_surge(deployment) if replicas_of(deployment) > 0 else 0
    to_add = allowed - total(active)
    newest_first = sorted(active, key=_created, reverse=to_add > 0)
    ordered = sorted(newest_first, key=lambda rs: -replicas_of(rs))
    sizes, added = {}, 0
    for rs in ordered:
        share = _proportion(deployment, rs, to_add, added) if to_add else 0
        sizes[rs["metadata"]["name"]] = replicas_of(rs) + share
        added += share
    if to_add and ordered:
        first = ordered[0]["metadata"]["name"]
        sizes[first] = max(0, sizes[first] + to_add - added)
    return sizes


def _created(rs: Object) -> tuple[str, str]:
    return (str(rs["metadata"].get("creationTimestamp", "")), str(rs["metadata"]["name"]))


def _proportion(deployment: Object, rs: Object, to_add: int, added: int) -> int:
    if replicas_of(rs) == 0 or to_add == added:
        return 0
    fraction, allowed = _fraction(deployment, rs), to_add - added
    return min(fraction, allowed) if to_add > 0 else max(fraction, allowed)


def _fraction(deployment: Object, rs: Object) -> int:
    if replicas_of(deployment) == 0:
        return -replicas_of(rs)
    before = int(annotations_of(rs).get(MAX) or 0) or status_count(deployment, "replicas")
    if before == 0:
        return 0
    size = replicas_of(rs) * (replicas_of(deployment) + max_surge(deployment)) / before
    return floor(size + 0.5) - replicas_of(rs)


def old_sizes(deployment: Object, old: Sequence[Object], new: Object | None) -> dict[str, int]:
    """Sizes of the old ReplicaSets after the next step down of a rolling update.

    old: those that still want pods. First pods that are not available go, whoever owns them; then
    available ones, as many as availability allows; the oldest ReplicaSet gives first.
    """
    every = [*old, new] if new else list(old)
    min_available = replicas_of(deployment) - max_unavailable(deployment)
    new_missing = replicas_of(new) - status_count(new, "availableReplicas") if new else 0
    budget = total(every) - min_available - new_missing
    sizes = {rs["metadata"]["name"]: replicas_of(rs) for rs in old}
    if budget <= 0:
        return sizes
    ordered = sorted(old, key=_created)
    for rs in ordered:
        name, available = rs["metadata"]["name"], status_count(rs, "availableReplicas")
        down = min(budget, sizes[name] - available)
        if down > 0:
            sizes[name] -= down
            budget -= down
    spare = sum(status_count(rs, "availableReplicas") for rs in every) - min_available
    for rs in ordered:
        name = rs["metadata"]["name"]
        down = min(spare, sizes[name])
        if down > 0:
            sizes[name] -= down
            spare -= down
    return sizes
