"""Defaults are values of their schemas."""

from control.schema.custom.validate_default import default_value


def test_a_default_of_another_type_is_told() -> None:
    (told,) = default_value({"type": "integer", "default": "x"}, "s.default")
    assert told.field == "s.default"
    assert told.message == 'Invalid value: "string": default in body must be of type integer: "string"'


def test_a_default_is_judged_with_the_defaults_inside_of_it() -> None:
    inner = {"type": "integer", "default": 1}
    raw = {"type": "object", "required": ["a"], "properties": {"a": inner}, "default": {}}
    assert default_value(raw, "s.default") == []
    assert raw["default"] == {}
