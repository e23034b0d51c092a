"""A request on its way through the filters, and its answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from control.api.route import Route

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


@dataclass(slots=True)
class ApiRequest:
    """One request: what came, what it addresses, who asks; warnings collect for its answer's headers."""

    http: web.BaseRequest
    route: Route
    user: User = ANONYMOUS
    warnings: list[str] = field(default_factory=list)

    @property
    def query(self) -> Mapping[str, str]:
        """The URL's parameters (the first of each name)."""
        return self.http.query

    def flag(self, name: str) -> bool:
        """A boolean parameter, read as upstream reads it: present and neither 0 nor false."""
        value = self.http.query.get(name)
        return value is not None and value.lower() not in ("0", "false")

    @property
    def accept(self) -> str:
        """The Accept header."""
        return self.http.headers.get("Accept", "")

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored."""
        return "All" in self.http.query.getall("dryRun", [])

    @property
    def manager(self) -> str:
        """The field manager: as given, else the first word of the user agent."""
        given = self.http.query.get("fieldManager")
        if given:
            return given
        return self.http.headers.get("User-Agent", "").split("/", 1)[0][:128] or "unknown"


@dataclass(slots=True)
class Answer:
    """A complete answer; streams are web.StreamResponse that are already prepared.

    parts: of an answer that is too long for one piece, in place of ``body``.
    """

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    parts: Iterable[bytes] | None = None


Response = Answer | web.StreamResponse
