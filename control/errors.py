"""Errors of the control layer.

ControlError
├ ApiError(code, reason, message, causes, details)  ↔ a Kubernetes Status object
│   BadRequest 400 · Unauthorized 401 · Forbidden 403 · NotFound 404 · MethodNotSupported 405
│   AlreadyExists 409
│   Conflict 409 · Gone 410 · Expired 410 · UnsupportedMediaType 415 · Invalid 422 · TooManyRequests 429
│   InternalError 500 · ServiceUnavailable 503 · Timeout 504
├ LabError(what, mend)    the lab can't do what was asked: exit 1; leaves PW-L01 …
└ UsageError(what, mend)  bad use: exit 2; leaves PW-U01 …
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


class ControlError(Exception):
    """Base of all errors of the control layer."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong: ``reason`` FieldValueInvalid, FieldValueRequired, …; ``field`` a path."""

    reason: str
    message: str
    field: str

    def as_json(self) -> dict[str, str]:
        """As in Status.details.causes."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


class ApiError(ControlError):
    """A request's failure as Kubernetes tells it: converts to and from a Status object."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(
        self,
        message: str,
        *,
        causes: Sequence[Cause] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.causes = tuple(causes)
        self.details = dict(details or {})

    def as_status(self) -> dict[str, Any]:
        """The Status object, as a client gets it."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        details = dict(self.details)
        if self.causes:
            details["causes"] = [cause.as_json() for cause in self.causes]
        if details:
            status["details"] = details
        return status

    @staticmethod
    def from_status(status: Mapping[str, Any]) -> "ApiError":
        """The error for a Status object that a server sent; by reason, else by code."""
        reason, code = status.get("reason", ""), int(status.get("code", 500))
        details = dict(status.get("details") or {})
        causes = [
            Cause(c.get("reason", ""), c.get("message", ""), c.get("field", ""))
            for c in details.pop("causes", [])
        ]
        for kind in _BY_PRECEDENCE:
            if kind.reason == reason:
                return kind(status.get("message", ""), causes=causes, details=details)
        for kind in _BY_PRECEDENCE:
            if kind.code == code:
                return kind(status.get("message", ""), causes=causes, details=details)
        return InternalError(status.get("message", ""), causes=causes, details=details)


class BadRequest(ApiError):
    """400: the request can't be understood."""

    code, reason = 400, "BadRequest"


class Unauthorized(ApiError):
    """401: nobody we know is asking."""

    code, reason = 401, "Unauthorized"


class Forbidden(ApiError):
    """403: known, and not allowed."""

    code, reason = 403, "Forbidden"


class NotFound(ApiError):
    """404: no such object or resource."""

    code, reason = 404, "NotFound"


class MethodNotSupported(ApiError):
    """405: the resource has no such verb."""

    code, reason = 405, "MethodNotAllowed"


class NotAcceptable(ApiError):
    """406: reserved; JSON is always accepted."""

    code, reason = 406, "NotAcceptable"


class AlreadyExists(ApiError):
    """409: an object of that name is there."""

    code, reason = 409, "AlreadyExists"


class Conflict(ApiError):
    """409: the object has changed since it was read, or a precondition failed."""

    code, reason = 409, "Conflict"


class Expired(ApiError):
    """410: the resourceVersion or continue token is too old."""

    code, reason = 410, "Expired"


class Gone(ApiError):
    """410: gone for good."""

    code, reason = 410, "Gone"


class RequestTooLarge(ApiError):
    """413: the body is larger than 3 MiB."""

    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(ApiError):
    """415: the body's content type is not known."""

    code, reason = 415, "UnsupportedMediaType"


class Invalid(ApiError):
    """422: understood, and wrong; ``causes`` name the fields."""

    code, reason = 422, "Invalid"


class TooManyRequests(ApiError):
    """429: later, please."""

    code, reason = 429, "TooManyRequests"


class InternalError(ApiError):
    """500: our fault."""

    code, reason = 500, "InternalError"


class ServiceUnavailable(ApiError):
    """503: not now."""

    code, reason = 503, "ServiceUnavailable"


class Timeout(ApiError):
    """504: took too long."""

    code, reason = 504, "Timeout"


_BY_PRECEDENCE: tuple[type[ApiError], ...] = (
    BadRequest, Unauthorized, Forbidden, NotFound, MethodNotSupported, NotAcceptable, Conflict, AlreadyExists,
    Expired, Gone, RequestTooLarge, UnsupportedMediaType, Invalid, TooManyRequests, InternalError,
    ServiceUnavailable, Timeout,
)  # fmt: skip


class PersonError(ControlError):
    """An error that a person reads on a terminal: identity, cause in one line, mend as a command."""

    id: ClassVar[str] = ""
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what, mend)
        self.what, self.mend = what, mend

    def __str__(self) -> str:
        return f"{self.id}  {self.what}"


class LabError(PersonError):
    """The lab can't do what was asked."""

    exit_code = 1


class StartFailed(LabError):
    """`up` could not bring the lab up; what it had made is removed again."""

    id = "PW-L01"


class NotReady(LabError):
    """Something did not become ready in time."""

    id = "PW-L02"


class LabBusy(LabError):
    """Another command holds the lab's lock."""

    id = "PW-L03"


class PortTaken(LabError):
    """The API's port on loopback is in use by another program."""

    id = "PW-L04"


class ToolMissing(LabError):
    """A program that the command needs is not on this machine."""

    id = "PW-L05"


class Leftovers(LabError):
    """`down` could not remove everything."""

    id = "PW-L06"


class LabStopped(LabError):
    """The lab's directory is there, but its processes are not running."""

    id = "PW-L07"


class MachineTooSmall(LabError):
    """A machine-wide limit is too low for the lab that was asked for."""

    id = "PW-L08"


class UsageError(PersonError):
    """Bad use: the mend is in the user's hands."""

    exit_code = 2


class SpecInvalid(UsageError):
    """lab.yaml is wrong; the field is named."""

    id = "PW-U01"


class NeedsRoot(UsageError):
    """The command enters or makes namespaces and needs root."""

    id = "PW-U02"


class NoSuchLab(UsageError):
    """There is no lab of that name."""

    id = "PW-U03"


class NameInvalid(UsageError):
    """A lab's name has the wrong form."""

    id = "PW-U04"


class NoSuchPlace(UsageError):
    """No node, pod or `internet` of that name."""

    id = "PW-U05"


class ManifestInvalid(UsageError):
    """A manifest can't be read, or the API refused it."""

    id = "PW-U06"


class LabDiffers(UsageError):
    """A running lab was made from another lab.yaml."""

    id = "PW-U07"


class NotBuiltYet(UsageError):
    """A command of a later version."""

    id = "PW-U08"


class NotYours(UsageError):
    """The lab belongs to another user."""

    id = "PW-U10"


class HomeInvalid(UsageError):
    """PODWIRE_HOME can't hold labs."""

    id = "PW-U11"


class NameInUse(UsageError):
    """A lab of that name runs from another directory."""

    id = "PW-U12"


class AloneInvalid(UsageError):
    """`podwire api` or the fixture kube_api is asked for something that can't be."""

    id = "PW-U13"


class AloneInUse(UsageError):
    """Another process runs an API on that directory."""

    id = "PW-U14"


class AloneFailed(LabError):
    """An API alone did not start."""

    id = "PW-L10"


class OtherVersion(LabError):
    """The lab's directory was written by another version of podwire."""

    id = "PW-L09"


class NodeInvalid(UsageError):
    """A node can't be added or removed under that name."""

    id = "PW-U09"


class FaultInvalid(UsageError):
    """A fault that can't be: a wrong amount, or a place that it can't befall."""

    id = "PW-U15"


class AimInvalid(UsageError):
    """`podwire trace` can't send a packet there: a port that is missing or unknown, or an address of many hosts."""

    id = "PW-U16"


class OutputInvalid(UsageError):
    """`podwire capture` or `podwire map` can't write: its file can't be made, or buffers would take too much memory."""

    id = "PW-U17"


class CaptureStopped(LabError):
    """A capture's file could not be written to its end."""

    id = "PW-L12"


class NoSuchScenario(UsageError):
    """No flow of that name."""

    id = "PW-U18"


class CommandFailed(LabError):
    """A command that podwire.Lab ran ended with an error; what it said stands there."""

    id = "PW-L13"
