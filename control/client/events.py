"""Events worth reading in ``kubectl describe``: recorded without waiting, counted when they repeat."""

import asyncio
import logging
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Final, Literal

from control.client.client import ApiClient, ApiUnreachable, Json
from control.client.clock import Clock, SystemClock
from control.client.resources import EVENTS
from control.errors import ApiError, NotFound

log = logging.getLogger(__name__)

KEPT: Final = 4096
"""Events that wait to be written; when the API is gone for long, the oldest are dropped."""
SIMILAR_WINDOW_S: Final = 600.0
SIMILAR_MOST: Final = 10
BURST: Final = 25
REFILL_S: Final = 300.0
"""As upstream: 25 events an object and source at once, then one in five minutes."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What an event says, before it is counted."""

    about: tuple[str, str, str, str, str, str]
    type: str
    reason: str
    message: str
    at: str


class EventRecorder:
    """Writes Events about objects; run it in the owner's TaskGroup."""

    def __init__(self, client: ApiClient, component: str, host: str = "", clock: Clock | None = None) -> None:
        self._client = client
        self._component = component
        self._host = host
        self._clock: Clock = clock or SystemClock()
        self._waiting: deque[_Entry] = deque(maxlen=KEPT)
        self._wake = asyncio.Event()
        self._written: OrderedDict[tuple[object, ...], Json] = OrderedDict()
        self._similar: OrderedDict[tuple[object, ...], tuple[float, set[str]]] = OrderedDict()
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def event(self, obj: Json, type: Literal["Normal", "Warning"], reason: str, message: str) -> None:  # noqa: A002 (the API's word)
        """Say that something happened to ``obj``; returns at once."""
        meta = obj["metadata"]
        about = (
            obj.get("apiVersion", ""),
            obj.get("kind", ""),
            meta.get("namespace", ""),
            meta["name"],
            meta.get("uid", ""),
            meta.get("resourceVersion", ""),
        )
        if not self._may(meta.get("uid", "") or meta["name"]):
            return
        at = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        self._waiting.append(_Entry(about, type, reason, message[:1024], at))
        self._wake.set()

    def _may(self, about: str) -> bool:
        """Upstream's spam filter, a token bucket for each object."""
        now = self._clock.monotonic()
        tokens, seen = self._tokens.pop(about, (float(BURST), now))
        tokens = min(float(BURST), tokens + (now - seen) / REFILL_S)
        allowed = tokens >= 1
        self._tokens[about] = (tokens - 1 if allowed else tokens, now)
        _bound(self._tokens)
        return allowed

    async def run(self) -> None:
        """Write what was recorded, in order, until cancelled."""
        while True:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            entry = self._waiting.popleft()
            try:
                await self._write(entry)
            except ApiUnreachable:
                self._waiting.appendleft(entry)
                await self._clock.sleep(1.0)
            except ApiError as error:
                log.info("event %s about %s is lost: %s", entry.reason, entry.about[3], error)

    async def _write(self, entry: _Entry) -> None:
        message, combined = self._aggregated(entry)
        key = (entry.about[:5], entry.type, entry.reason, "" if combined else message)
        have = self._written.pop(key, None)
        if have is not None:
            meta = have["metadata"]
            body = {"count": have["count"] + 1, "lastTimestamp": entry.at, "message": message}
            try:
                self._written[key] = await self._client.patch(EVENTS, meta["name"], meta["namespace"], body)
                return
            except NotFound:
                pass
        self._written[key] = await self._client.create(EVENTS, self._fresh(entry, message))
        _bound(self._written)

    def _aggregated(self, entry: _Entry) -> tuple[str, bool]:
        """The message, or upstream's combined form once more than ten different ones came in ten minutes.

        The latter is one Event, which says the last of them.
        """
        key = (entry.about[:5], entry.type, entry.reason)
        now = self._clock.monotonic()
        since, messages = self._similar.pop(key, (now, set()))
        if now - since > SIMILAR_WINDOW_S:
            since, messages = now, set()
        messages.add(entry.message)
        self._similar[key] = (now, messages)
        _bound(self._similar)
        if len(messages) <= SIMILAR_MOST:
            return entry.message, False
        return f"(combined from similar events): {entry.message}", True

    def _fresh(self, entry: _Entry, message: str) -> Json:
        api_version, kind, namespace, name, uid, version = entry.about
        source = {"component": self._component} | ({"host": self._host} if self._host else {})
        about = {
            "apiVersion": api_version,
            "kind": kind,
            "namespace": namespace,
            "name": name,
            "uid": uid,
            "resourceVersion": version,
        }
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{name}.{uuid.uuid4().hex[:16]}", "namespace": namespace or "default"},
            "involvedObject": {key: value for key, value in about.items() if value},
            "type": entry.type,
            "reason": entry.reason,
            "message": message,
            "source": source,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
            "firstTimestamp": entry.at,
            "lastTimestamp": entry.at,
            "count": 1,
        }


def _bound(table: OrderedDict[Any, Any]) -> None:
    while len(table) > KEPT:
        table.popitem(last=False)
