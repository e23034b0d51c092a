"""Columns of custom kinds."""

from control.schema.custom.printer import Printer

NOW = 1_700_000_000.0
OBJ = {
    "metadata": {"name": "a", "creationTimestamp": "2023-11-14T22:03:20Z"},
    "spec": {"n": 3, "list": ["x", "y"], "yes": True, "obj": {"a": 1}},
}


def column(kind: str, path: str) -> dict[str, str]:
    return {"name": "C", "type": kind, "jsonPath": path}


def test_cells_are_what_stands_at_the_paths() -> None:
    columns = [
        column("integer", ".spec.n"), column("string", ".spec.list[*]"), column("boolean", ".spec.yes"),
        column("string", ".spec.obj"), column("date", ".metadata.creationTimestamp"), column("integer", ".spec.list"),
        column("string", ".status.phase"), column("number", ".spec.n"), column("date", ".spec.list[0]"),
    ]  # fmt: skip
    cells = Printer(columns).cells(OBJ, NOW)
    assert cells == ["a", 3, "x y", True, '{"a":1}', "10m", None, None, 3, "<invalid>"]


def test_a_kind_without_columns_shows_its_age() -> None:
    printer = Printer([])
    assert [head["name"] for head in printer.head] == ["Name", "Age"]
    assert printer.cells(OBJ, NOW) == ["a", "10m"]
