"""Rules for ephemeral containers: what they may have, whose processes they may see."""

from typing import Any

from control.errors import Cause
from control.schema import causes
from control.schema.validate_container import PodNames, container, images

_NOT_SET = "cannot be set for an Ephemeral Container"
_REFUSED = (
    "ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", "livenessProbe", "readinessProbe",
    "startupProbe", "lifecycle",
)  # fmt: skip
"""In the order of upstream's fields."""
_SUB_PATHS = ("subPath", "subPathExpr")


def ephemeral_containers(items: list[dict[str, Any]], path: str, names: PodNames) -> list[Cause]:
    """Those of a pod's spec; ``names`` knows its other containers."""
    found: list[Cause] = []
    others = set(names.containers)
    for index, item in enumerate(items):
        at, name, target = f"{path}[{index}]", item.get("name", ""), item.get("targetContainerName")
        found += container(item, at, names)
        found += images([item], path, start=index)
        if name in names.containers:
            found.append(causes.duplicate(f"{at}.name", name))
        names.containers.add(name)
        if target and target not in others:
            found.append(causes.not_found(f"{at}.targetContainerName", target))
        found += [causes.forbidden(f"{at}.{key}", _NOT_SET) for key in _REFUSED if item.get(key)]
        for number, mount in enumerate(item.get("volumeMounts", ())):
            for key in _SUB_PATHS:
                if mount.get(key):
                    found.append(causes.forbidden(f"{at}.volumeMounts[{number}].{key}", _NOT_SET))
    return found
