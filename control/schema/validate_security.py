"""Rules for security contexts."""

import re
from collections.abc import Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes

_ID_LIMIT = (1 << 31) - 1
_ID_WORDS = f"must be between 0 and {_ID_LIMIT}, inclusive"
_SYSCTL_FORM = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL = re.compile(_SYSCTL_FORM)
_SYSCTL_WORDS = f"must have at most 253 characters and match regex ^{_SYSCTL_FORM}$"
_SECCOMP = ("Localhost", "RuntimeDefault", "Unconfined")


def _ids(context: Mapping[str, Any], path: str, keys: tuple[str, ...]) -> list[Cause]:
    return [
        causes.invalid(f"{path}.{key}", context[key], _ID_WORDS)
        for key in keys
        if key in context and not 0 <= context[key] <= _ID_LIMIT
    ]


def _profile(profile: Mapping[str, Any], path: str) -> list[Cause]:
    kind = profile.get("type", "")
    if not kind:
        found = [causes.required(f"{path}.type", "type is required when seccompProfile is set")]
    else:
        found = causes.one_of(f"{path}.type", kind, _SECCOMP)
    local = profile.get("localhostProfile")
    if kind == "Localhost" and local is None:
        said = "must be set when seccomp type is Localhost"
        found.append(causes.required(f"{path}.localhostProfile", said))
    elif kind != "Localhost" and local is not None:
        said = "can only be set when seccomp type is Localhost"
        found.append(causes.invalid(f"{path}.localhostProfile", local, said))
    return found


def container_security(context: Mapping[str, Any], path: str) -> list[Cause]:
    """A container's securityContext."""
    found = _ids(context, path, ("runAsUser", "runAsGroup"))
    if "seccompProfile" in context:
        found += _profile(context["seccompProfile"], f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            said = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            found.append(causes.invalid(path, context, said))
        if "CAP_SYS_ADMIN" in context.get("capabilities", {}).get("add", ()):
            said = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            found.append(causes.invalid(path, context, said))
    return found


def pod_security(context: Mapping[str, Any], path: str, spec: Mapping[str, Any]) -> list[Cause]:
    """A pod's securityContext; ``spec`` for what excludes it (sysctls of a host's namespace)."""
    found = _ids(context, path, ("runAsUser", "runAsGroup", "fsGroup"))
    for index, group in enumerate(context.get("supplementalGroups", ())):
        if not 0 <= group <= _ID_LIMIT:
            found.append(causes.invalid(f"{path}.supplementalGroups[{index}]", group, _ID_WORDS))
    if "seccompProfile" in context:
        found += _profile(context["seccompProfile"], f"{path}.seccompProfile")
    names: set[str] = set()
    for index, item in enumerate(context.get("sysctls", ())):
        at, name = f"{path}.sysctls[{index}].name", item.get("name", "")
        if not name:
            found.append(causes.required(at))
        elif name in names:
            found.append(causes.duplicate(at, name))
        elif len(name) > 253 or not _SYSCTL.fullmatch(name):
            found.append(causes.invalid(at, name, _SYSCTL_WORDS))
        elif spec.get("hostNetwork") and name.startswith("net."):
            said = f"may not be specified when 'hostNetwork' is true: sysctl {name!r} is in the network namespace"
            found.append(causes.invalid(at, name, said))
        names.add(name)
    policy = context.get("fsGroupChangePolicy")
    if policy is not None and policy not in ("Always", "OnRootMismatch"):
        found.append(
            causes.not_supported(f"{path}.fsGroupChangePolicy", policy, ("Always", "OnRootMismatch"))
        )
    return found
