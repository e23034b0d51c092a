"""The audit log: one JSON line a request, when it is answered."""

import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import orjson

from control.api.chain import Handler
from control.api.request import ApiRequest, Response


class Audit:
    """A filter that writes Metadata-level events of audit.k8s.io/v1 to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._file = self._path.open("ab", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    async def __call__(self, request: ApiRequest, following: Handler) -> Response:
        """Note what was asked by whom, and how it ended."""
        began, received = time.time(), time.monotonic()
        code = 0
        try:
            response = await following(request)
            code = response.status
            return response
        finally:
            self._write(request, code, began, time.monotonic() - received)

    def _write(self, request: ApiRequest, code: int, began: float, took_s: float) -> None:
        if self._file is None:
            return
        route = request.route
        about = {
            "resource": route.resource,
            "namespace": route.namespace,
            "name": route.name,
            "apiGroup": route.group,
            "apiVersion": route.version,
            "subresource": route.subresource,
        }
        event = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "auditID": str(uuid.uuid4()),
            "stage": "ResponseComplete",
            "requestURI": request.http.path_qs,
            "verb": route.verb,
            "user": {"username": request.user.name, "groups": list(request.user.groups)},
            "sourceIPs": [request.http.remote or ""],
            "userAgent": request.http.headers.get("User-Agent", ""),
            "objectRef": {key: value for key, value in about.items() if value} if route.is_resource else None,
            "responseStatus": {"code": code},
            "requestReceivedTimestamp": _micro(began),
            "stageTimestamp": _micro(began + took_s),
        }
        self._file.write(
            orjson.dumps({key: value for key, value in event.items() if value is not None}) + b"\n"
        )


def _micro(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
