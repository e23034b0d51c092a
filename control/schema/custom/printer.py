"""additionalPrinterColumns: the columns that a CRD gives kubectl."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from control.schema.custom.jsonpath import JsonPath, PathInvalid, parse
from control.schema.table_cells import age

Raw = Mapping[str, Any]
_AGE: Final[Raw] = {
    "name": "Age",
    "type": "date",
    "description": "CreationTimestamp is a timestamp representing the server time when this object was created.",
    "jsonPath": ".metadata.creationTimestamp",
}


class Printer:
    """The head and the cells of a custom kind's table."""

    def __init__(self, columns: Sequence[Raw]) -> None:
        shown = columns or [_AGE]
        self.head = [_column({"name": "Name", "type": "string", "format": "name"}), *map(_column, shown)]
        self._columns = [(column["type"], _path(column.get("jsonPath", ""))) for column in shown]

    def cells(self, obj: Mapping[str, Any], now: float) -> list[Any]:
        """Its name, then one value a column; null where the path leads nowhere."""
        made: list[Any] = [obj.get("metadata", {}).get("name", "")]
        for kind, path in self._columns:
            found = path.find(obj) if path is not None else []
            made.append(_cell(kind, found, now) if found else None)
        return made


def _path(text: str) -> JsonPath | None:
    try:
        return parse(text)
    except PathInvalid:
        return None


def _column(raw: Raw) -> dict[str, Any]:
    return {
        "name": raw["name"],
        "type": raw["type"],
        "format": raw.get("format") or "",
        "description": raw.get("description") or "",
        "priority": raw.get("priority") or 0,
    }


def _cell(kind: str, found: list[Any], now: float) -> Any:
    value = found[0]
    match kind:
        case "integer":
            return int(value) if type(value) in (int, float) else None
        case "number":
            return value if type(value) in (int, float) else None
        case "boolean":
            return value if type(value) is bool else None
        case "date":
            return _date(value, now)
    return " ".join(map(_text, found))


def _date(value: Any, now: float) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return age(value, now)
    except ValueError:
        return "<invalid>"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else orjson.dumps(value).decode()
