"""URLs that are no resources: health, version, metrics, discovery, OpenAPI."""

from collections.abc import Callable
from typing import Final

import orjson

from control.api.discovery import Discovery, version
from control.api.metrics import Metrics
from control.api.refusals import no_such_resource, not_allowed
from control.api.request import Answer, ApiRequest
from control.schema.openapi import OpenApi
from control.store.contract import Store

_V2_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_NO_SCHEMA: Final = b"\x0a\x032.0\x12\x13\x0a\x0aKubernetes\x12\x05v1.37"
"""An OpenAPI v2 document of no definitions: kubectl asks for this form where version 3 has not the kind, and goes
on without a schema, to its own words for a kind that nobody knows."""
_CHECKS: Final = ("ping", "log", "store", "poststarthook/bootstrap")


class NonResource:
    """Answers them."""

    def __init__(
        self, discovery: Discovery, store: Store, ready: Callable[[], bool], openapi: OpenApi
    ) -> None:
        self._documents = openapi
        self._discovery = discovery
        self._store = store
        self._ready = ready
        self.metrics = Metrics(lambda: store.revision)

    async def answer(self, request: ApiRequest) -> Answer:
        """Raises NotFound, MethodNotSupported."""
        path = request.route.path.rstrip("/") or "/"
        if request.http.method not in ("GET", "HEAD"):
            raise not_allowed()
        match path.removeprefix("/").partition("/")[0]:
            case "healthz" | "livez" | "readyz":
                return self._health(request, path)
            case "version":
                return Answer(orjson.dumps(version(), option=orjson.OPT_INDENT_2))
            case "api" | "apis":
                return self._discovery.answer(request)
            case "openapi":
                return self._openapi(request, path)
            case "metrics":
                return Answer(
                    self.metrics.text().encode(), content_type="text/plain; version=0.0.4; charset=utf-8"
                )
            case "":
                paths = ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2"]
                paths += ["/openapi/v3", "/readyz", "/version"]
                return Answer(orjson.dumps({"paths": paths}))
        raise no_such_resource()

    def _health(self, request: ApiRequest, path: str) -> Answer:
        kind, good = path.split("/")[1], self._ready() or not path.startswith("/readyz")
        if "verbose" in request.query:
            lines = [f"[{'+' if good else '-'}]{check} ok" for check in _CHECKS]
            text = "\n".join([*lines, f"{kind} check {'passed' if good else 'failed'}", ""])
        else:
            text = "ok" if good else f"{kind} check failed"
        return Answer(text.encode(), 200 if good else 500, content_type="text/plain; charset=utf-8")

    def _openapi(self, request: ApiRequest, path: str) -> Answer:
        if path == "/openapi/v2":
            if "proto-openapi" in request.accept:
                return Answer(_NO_SCHEMA, content_type=_V2_PROTOBUF)
            return Answer(self._documents.v2())
        if path == "/openapi/v3":
            return Answer(self._documents.v3_index())
        document = self._documents.v3(path.removeprefix("/openapi/v3/"))
        if document is None:
            raise no_such_resource()
        return Answer(document)
