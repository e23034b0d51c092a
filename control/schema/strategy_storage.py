"""New PersistentVolumes and PersistentVolumeClaims: the first phase, and where a claim's data comes from."""

import time
from typing import Any, Final

from control.schema.timestamps import from_epoch

_OLD_SOURCES: Final = (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))
"""What the older field ``dataSource`` may name; upstream drops anything else from it."""


def create_volume(volume: dict[str, Any]) -> None:
    """A volume waits for its controller."""
    volume["status"] = {"phase": "Pending", "lastPhaseTransitionTime": from_epoch(int(time.time()))}


def create_claim(claim: dict[str, Any]) -> None:
    """``dataSource`` and ``dataSourceRef`` say the same; a client may set either."""
    spec = claim.get("spec", {})
    origin, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if reference is not None:
        reference.pop("namespace", None)  # an alpha feature of upstream's, off
    if origin is not None and (origin.get("apiGroup") or "", origin.get("kind", "")) not in _OLD_SOURCES:
        del spec["dataSource"]
        origin = None
    if origin is not None and reference is None:
        spec["dataSourceRef"] = dict(origin)
    elif reference is not None and origin is None:
        spec["dataSource"] = dict(reference)
