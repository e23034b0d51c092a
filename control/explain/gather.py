"""The atlas of a running lab: its plan from its directory, its objects from its API."""

from typing import Any

from control.explain.atlas import Atlas
from control.explain.run import KINDS, atlas_of
from control.lab.directory import LabDirectory
from control.lab.places import get_json
from control.lab.up import stored_plan


def gather(directory: LabDirectory) -> Atlas:
    """Read all that names need. Raises NoSuchPlace when the API does not answer."""
    plan, port = stored_plan(directory)
    objects: dict[str, list[Any]] = {
        plural: get_json(directory, port, path).get("items") or [] for plural, path in KINDS.items()
    }
    return atlas_of(plan, objects)
