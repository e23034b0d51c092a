"""Rules for probes and lifecycle handlers."""

from typing import Any

from control.errors import Cause
from control.schema import causes, formats

_KINDS = ("exec", "httpGet", "tcpSocket", "grpc")
_LIFECYCLE_KINDS = ("exec", "httpGet", "tcpSocket", "sleep")
_COUNTS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def probe(value: dict[str, Any], path: str, kind: str) -> list[Cause]:
    """A container's probe. kind: livenessProbe, readinessProbe or startupProbe."""
    found = handler(value, path)
    for key in _COUNTS:
        if value.get(key, 0) < 0:
            found += causes.non_negative(f"{path}.{key}", value[key])
    grace = value.get("terminationGracePeriodSeconds")
    at = f"{path}.terminationGracePeriodSeconds"
    if grace is not None and grace <= 0:
        found.append(causes.invalid(at, grace, "must be greater than 0"))
    if kind == "readinessProbe":
        said = "must not be set for readinessProbes"
        return found + ([causes.invalid(at, grace, said)] if grace is not None else [])
    if value.get("successThreshold", 1) != 1:
        found.append(causes.invalid(f"{path}.successThreshold", value["successThreshold"], "must be 1"))
    return found


def handler(value: dict[str, Any], path: str, *, grace_s: int | None = None) -> list[Cause]:
    """What a probe or hook does: exactly one kind of it. grace_s: the pod's, for a hook."""
    found: list[Cause] = []
    seen = 0
    for kind in _KINDS if grace_s is None else _LIFECYCLE_KINDS:
        if kind not in value:
            continue
        seen += 1
        if seen > 1:
            found.append(causes.forbidden(f"{path}.{kind}", "may not specify more than 1 handler type"))
        elif kind == "sleep":
            found += _sleep(value[kind].get("seconds", 0), f"{path}.{kind}", grace_s or 0)
        else:
            found += _ACTIONS[kind](value[kind], f"{path}.{kind}")
    if not seen:
        found.append(causes.required(path, "must specify a handler type"))
    return found


def _exec(action: dict[str, Any], path: str) -> list[Cause]:
    return [] if action.get("command") else [causes.required(f"{path}.command")]


def _http(action: dict[str, Any], path: str) -> list[Cause]:
    found = [] if action.get("path") else [causes.required(f"{path}.path")]
    found += port(action.get("port", 0), f"{path}.port")
    scheme = action.get("scheme", "")
    if scheme not in ("HTTP", "HTTPS"):
        found.append(causes.not_supported(f"{path}.scheme", scheme, ("HTTP", "HTTPS")))
    for header in action.get("httpHeaders", ()):
        name = header.get("name", "")
        found += causes.all_invalid(f"{path}.httpHeaders", name, formats.header_name(name))
    return found


def _tcp(action: dict[str, Any], path: str) -> list[Cause]:
    return port(action.get("port", 0), f"{path}.port")


def _grpc(action: dict[str, Any], path: str) -> list[Cause]:
    number = action.get("port", 0)
    return causes.all_invalid(f"{path}.port", number, formats.port_number(number))


def _sleep(seconds: int, path: str, grace_s: int) -> list[Cause]:
    if not 0 <= seconds <= grace_s:
        said = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_s})"
        return [causes.invalid(path, seconds, said)]
    return []


_ACTIONS = {"exec": _exec, "httpGet": _http, "tcpSocket": _tcp, "grpc": _grpc}


def port(value: int | str, path: str) -> list[Cause]:
    """A port by number or by name."""
    wrong = formats.port_number(value) if isinstance(value, int) else formats.port_name(value)
    return causes.all_invalid(path, value, wrong)
