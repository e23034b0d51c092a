"""kubectl's columns: objects as a meta.k8s.io/v1 Table, as upstream's printers fill it."""

import time
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from control.schema import table_admin, table_config, table_network, table_pod, table_workload
from control.schema.resource import ResourceRow
from control.schema.table_cells import Cells, age
from control.schema.tables import table

_PRINTERS: dict[str, Cells] = (
    table_pod.PRINTERS
    | table_workload.PRINTERS
    | table_network.PRINTERS
    | table_config.PRINTERS
    | table_admin.PRINTERS
)


def as_table(
    row: ResourceRow,
    objs: Iterable[Mapping[str, Any]],
    *,
    include: str = "Metadata",
    list_meta: Mapping[str, Any] | None = None,
    now: float | None = None,
) -> dict[str, Any]:
    """A Table. include: Metadata, Object or None; now: seconds since the epoch, for ages.

    list_meta: metadata of the list (resourceVersion, continue); for a single object its own resourceVersion.
    """
    moment = time.time() if now is None else now
    cells = _PRINTERS.get(row.qualified, _generic) if row.custom is None else row.custom.printer.cells
    rows = [_row(row, obj, cells(obj, moment), include) for obj in objs]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(list_meta or {}),
        "columnDefinitions": column_definitions(row) if row.custom is None else row.custom.printer.head,
        "rows": rows,
    }


@cache
def column_definitions(row: ResourceRow) -> list[dict[str, Any]]:
    """The head of a kind's table; priority 1 stands only in ``-o wide``."""
    columns = table("columns").get(row.qualified, [["Name", "string", 0], ["Age", "string", 0]])
    return [
        {
            "name": name,
            "type": kind,
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": priority,
        }
        for name, kind, priority in columns
    ]


def _generic(obj: Mapping[str, Any], now: float) -> list[Any]:
    meta = obj.get("metadata", {})
    return [meta.get("name", ""), age(meta.get("creationTimestamp"), now)]


def _row(row: ResourceRow, obj: Mapping[str, Any], cells: list[Any], include: str) -> dict[str, Any]:
    made: dict[str, Any] = {"cells": cells}
    if row.qualified == "pods":
        conditions = table_pod.row_conditions(obj)
        if conditions:
            made["conditions"] = conditions
    if include == "Object":
        made["object"] = obj
    elif include == "Metadata":
        made["object"] = {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": obj.get("metadata", {}),
        }
    return made
