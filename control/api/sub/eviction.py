"""pods/eviction: a deletion that PodDisruptionBudgets may refuse."""

import orjson

from control.api.bodies import read_object
from control.api.delete import DeleteOptions, Deleter
from control.api.refusals import not_allowed
from control.api.request import Answer, ApiRequest, Json
from control.api.sub.binding import SUCCESS
from control.api.verbs import write_options
from control.api.write import Target
from control.errors import Cause, TooManyRequests
from control.schema.resource import ResourceRow
from control.schema.selector import LabelSelector
from control.store.contract import Key, Store


class EvictionSubresource:
    """POST of ``pods/NAME/eviction``."""

    def __init__(self, store: Store, deleter: Deleter) -> None:
        self._store = store
        self._deleter = deleter

    async def __call__(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """Raises TooManyRequests when a budget allows no disruption now."""
        route = request.route
        if route.verb != "create":
            raise not_allowed()
        body = await read_object(request)
        entry = self._store.get(Key("/pods", route.namespace, route.name))
        if entry is not None:
            self._check_budgets(entry.parsed())
        how = DeleteOptions.parse(body.get("deleteOptions") or {}, {})
        await self._deleter.delete(Target(row, route.namespace, route.name), how, write_options(request))
        return Answer(SUCCESS, 201)

    def _check_budgets(self, pod: Json) -> None:
        meta = pod["metadata"]
        if pod.get("status", {}).get("phase") in ("Succeeded", "Failed", "Pending"):
            return
        for entry in self._store.list("policy/poddisruptionbudgets", meta["namespace"]):
            budget = orjson.loads(entry.data)
            if not LabelSelector.from_json(budget["spec"].get("selector")).matches(meta.get("labels")):
                continue
            if budget.get("status", {}).get("disruptionsAllowed", 0) <= 0:
                name = budget["metadata"]["name"]
                why = f"The disruption budget {name} needs {budget.get('status', {}).get('desiredHealthy', 0)} healthy pods"
                raise TooManyRequests(
                    "Cannot evict pod as it would violate the pod's disruption budget.",
                    causes=[Cause("DisruptionBudget", why, "")],
                )
