"""pods/eviction: a deletion that PodDisruptionBudgets may refuse."""

from typing import Final

from control.api.admission.attempt import WriteOptions
from control.api.bodies import read_object
from control.api.delete import DeleteOptions, Deleter
from control.api.metadata import timestamp
from control.api.refusals import not_allowed
from control.api.request import Answer, ApiRequest, Json
from control.api.sub.binding import SUCCESS
from control.api.write import Target, Writer
from control.api.write_options import write_options
from control.errors import Cause, InternalError, TooManyRequests
from control.schema.resource import ResourceRow, registry
from control.schema.selector import LabelSelector
from control.store.contract import Key, Store

_BUDGETS: Final = "policy/poddisruptionbudgets"
_NOT_COUNTED: Final = ("Succeeded", "Failed", "Pending")


class EvictionSubresource:
    """POST of ``pods/NAME/eviction``."""

    def __init__(self, store: Store, writer: Writer, deleter: Deleter) -> None:
        self._store = store
        self._writer = writer
        self._deleter = deleter

    async def __call__(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """Raises TooManyRequests when a budget allows no disruption now."""
        route = request.route
        if route.verb != "create":
            raise not_allowed()
        body = await read_object(request, "k8s.io.api.policy.v1.Eviction")
        options = write_options(request)
        entry = self._store.get(Key("/pods", route.namespace, route.name))
        if entry is not None:
            await self._spend(entry.parsed(), options)
        how = DeleteOptions.parse(body.get("deleteOptions") or {}, {})
        await self._deleter.delete(Target(row, route.namespace, route.name), how, options)
        return Answer(SUCCESS, 201)

    async def _spend(self, pod: Json, options: WriteOptions) -> None:
        """Take one disruption from the pod's budget, so that two evictions can't both take the last one."""
        if pod.get("status", {}).get("phase") in _NOT_COUNTED or "deletionTimestamp" in pod["metadata"]:
            return
        budgets = self._budgets(pod)
        if not budgets:
            return
        if len(budgets) > 1:
            raise InternalError(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            )
        if not ready(pod) and may_go_unready(budgets[0]):
            return
        meta = budgets[0]["metadata"]
        row = registry().by_kind("policy/v1", "PodDisruptionBudget")
        assert row is not None
        name = pod["metadata"]["name"]
        target = Target(row, meta["namespace"], meta["name"])
        await self._writer.amend(target, lambda budget: spent(budget, name), options)

    def _budgets(self, pod: Json) -> list[Json]:
        """Those whose selector matches the pod."""
        meta = pod["metadata"]
        every = [entry.parsed() for entry in self._store.list(_BUDGETS, meta["namespace"])]
        return [
            budget
            for budget in every
            if LabelSelector.from_json(budget["spec"].get("selector")).matches(meta.get("labels"))
        ]


def ready(pod: Json) -> bool:
    """Whether the pod's condition Ready is True."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def may_go_unready(budget: Json) -> bool:
    """Whether a pod that is not ready may go without counting (unhealthyPodEvictionPolicy)."""
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status", {})
    wanted = status.get("desiredHealthy", 0)
    return bool(wanted > 0 and status.get("currentHealthy", 0) >= wanted)


def spent(budget: Json, pod: str) -> Json:
    """The budget less one disruption. Raises TooManyRequests."""
    meta, status = budget["metadata"], budget.setdefault("status", {})
    if status.get("observedGeneration", 0) < meta.get("generation", 0):
        why = f"The disruption budget {meta['name']} is still being processed by the server."
        raise TooManyRequests(
            "Cannot evict pod as it would violate the pod's disruption budget.",
            causes=[Cause("DisruptionBudget", why, "")],
            details={"retryAfterSeconds": 10},
        )
    if status.get("disruptionsAllowed", 0) <= 0:
        why = (
            f"The disruption budget {meta['name']} needs {status.get('desiredHealthy', 0)} healthy pods"
            f" and has {status.get('currentHealthy', 0)} currently"
        )
        raise TooManyRequests(
            "Cannot evict pod as it would violate the pod's disruption budget.",
            causes=[Cause("DisruptionBudget", why, "")],
        )
    status["disruptionsAllowed"] -= 1
    status.setdefault("disruptedPods", {})[pod] = timestamp()
    return budget
