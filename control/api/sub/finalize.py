"""namespaces/finalize: how the namespace controller says that a namespace is empty."""

from control.api.bodies import read_object
from control.api.refusals import not_allowed
from control.api.request import Answer, ApiRequest, Json
from control.api.verbs import written
from control.api.write import Target, Writer
from control.api.write_options import write_options
from control.schema.resource import ResourceRow


class FinalizeSubresource:
    """PUT of ``namespaces/NAME/finalize``: writes spec.finalizers; the last one gone, the namespace goes."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def __call__(self, row: ResourceRow, request: ApiRequest) -> Answer:
        """Raises NotFound."""
        if request.route.verb != "update":
            raise not_allowed()
        wanted = (await read_object(request, row.message)).get("spec") or {}

        def finalized(namespace: Json) -> Json:
            spec = namespace.setdefault("spec", {})
            spec["finalizers"] = wanted.get("finalizers") or []
            if not spec["finalizers"]:
                del spec["finalizers"]
            return namespace

        target = Target(row, "", request.route.name)
        outcome = await self._writer.amend(target, finalized, write_options(request))
        return written(request, row, outcome)
