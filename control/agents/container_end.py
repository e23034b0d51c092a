"""How the end of a container is told: its terminated state, and the end of one that nobody can find."""

import time
from dataclasses import replace
from datetime import datetime
from typing import Any

from control.agents.kubelet_tools import rfc3339
from control.workload.request import ContainerRecord

Json = dict[str, Any]
LOST = -1
"""Exit code in a record made up for a container that nobody can find."""

_NOWHERE = {
    "reason": "ContainerStatusUnknown",
    "message": "The container could not be located when the pod was terminated",
}


def lost_record(record: ContainerRecord) -> ContainerRecord:
    """The record of a container that ran when it was last seen, and is nowhere now."""
    return replace(record, exit_code=LOST, finished=time.time())


def lost_end(had: Json, now: datetime) -> Json:
    """The end of one that ran when its status, ``had``, was written, and of which there is no record."""
    return {
        "exitCode": 137,
        **_NOWHERE,
        "containerID": had["containerID"],
        "startedAt": had["state"]["running"].get("startedAt"),
        "finishedAt": rfc3339(now),
    }


def terminated_state(record: ContainerRecord, code: int) -> Json:
    """``state.terminated`` of a container that ended with this code."""
    return {
        "exitCode": code,
        "reason": "Completed" if code == 0 else "Error",
        "startedAt": rfc3339(record.started),
        "finishedAt": rfc3339(record.finished or record.started),
        "containerID": f"podwire://{record.id}",
        **(_NOWHERE if record.exit_code == LOST else {}),
    }
