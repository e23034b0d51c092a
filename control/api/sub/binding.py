"""pods/binding: how the scheduler gives a pod its node, once."""

import orjson

from control.api.bodies import read_object
from control.api.metadata import timestamp
from control.api.refusals import conflict, not_allowed
from control.api.request import Answer, ApiRequest, Json
from control.api.write import Target, Writer
from control.api.write_options import write_options
from control.errors import BadRequest, Conflict
from control.schema.resource import ResourceRow

SUCCESS = orjson.dumps(
    {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
)


class BindingSubresource:
    """POST of ``pods/NAME/binding``."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def __call__(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """Raises Conflict when the pod has a node or is being deleted."""
        route = request.route
        if route.verb != "create":
            raise not_allowed()
        binding = await read_object(request, "k8s.io.api.core.v1.Binding")
        node = (binding.get("target") or {}).get("name")
        if not node:
            raise BadRequest("target.name: Required value")
        # The older way, POST to …/bindings, has the pod's name in the body alone.
        name = route.name or (binding.get("metadata") or {}).get("name", "")
        target = Target(row, route.namespace, name)
        await self._writer.amend(target, lambda pod: bound(row, pod, binding), write_options(request))
        return Answer(SUCCESS, 201)


def bound(row: ResourceRow, pod: Json, binding: Json) -> Json:
    """The pod on its node, with the condition PodScheduled. Raises Conflict."""
    meta, name = pod["metadata"], pod["metadata"]["name"]
    asked, node = binding.get("metadata") or {}, binding["target"]["name"]
    if asked.get("uid") and asked["uid"] != meta["uid"]:
        raise conflict(
            row,
            name,
            f"Precondition failed: UID in precondition: {asked['uid']}, UID in object meta: {meta['uid']}",
        )
    if "deletionTimestamp" in meta:
        raise _refused(name, f"pod {name} is being deleted, cannot be assigned to a host")
    if pod["spec"].get("nodeName"):
        raise _refused(name, f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"')
    if pod["spec"].get("schedulingGates"):
        raise _refused(name, f"pod {name} has non-empty .spec.schedulingGates")
    pod["spec"]["nodeName"] = node
    if asked.get("annotations"):
        meta["annotations"] = {**(meta.get("annotations") or {}), **asked["annotations"]}
    status = pod.setdefault("status", {})
    others = [one for one in status.get("conditions") or () if one["type"] != "PodScheduled"]
    scheduled = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": timestamp(),
    }
    status["conditions"] = [*others, scheduled]
    return pod


def _refused(name: str, why: str) -> Conflict:
    return Conflict(
        f'Operation cannot be fulfilled on pods/binding "{name}": {why}',
        details={"name": name, "kind": "pods/binding"},
    )
