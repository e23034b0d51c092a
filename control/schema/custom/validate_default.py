"""Rules for a default in a CRD's schema: it is a value of that schema, with nothing that would be pruned."""

import copy
from typing import Any

from control.errors import Cause
from control.schema import causes
from control.schema.custom import defaulting, values
from control.schema.custom.pruning import Pruner
from control.schema.custom.structural import Raw, structural


def default_value(raw: Raw, path: str) -> list[Cause]:
    """What is wrong with the default of ``raw``, which stands at ``path``."""
    node, value = structural(raw), copy.deepcopy(raw["default"])
    if Pruner(node).prune(value) if isinstance(value, dict | list) else False:
        return [causes.invalid(path, raw["default"], "must not have unknown fields")]
    fill = defaulting.compiled(node)
    if fill is not None:
        fill(value)
    faults: list[Any] = []
    values.compiled(raw)(value, (None, "default"), faults)
    return [Cause(fault.cause.reason, fault.cause.message, path) for fault in faults]
