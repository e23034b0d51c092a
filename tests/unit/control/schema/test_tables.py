"""The structure tables against somebody else's reading of the same API: the official Python client's models."""

from typing import Any

import pytest

from control.schema.tables import message, message_names


def model(models: Any, name: str) -> Any:
    """The client's class of a message; None for what has no class of its own."""
    *_, group, version, kind = name.split(".")
    for candidate in (f"{group.capitalize()}{version.capitalize()}{kind}", f"{version.capitalize()}{kind}"):
        if hasattr(models, candidate):
            return getattr(models, candidate)
    return None


def test_fields_and_what_is_always_written_are_those_of_the_python_client():
    models = pytest.importorskip("kubernetes.client.models")
    compared = 0
    for name in message_names():
        found = model(models, name)
        if found is None:
            continue
        theirs = {field.serialization_alias or key: field for key, field in found.model_fields.items()}
        ours = message(name).json_fields
        assert theirs.keys() - {"apiVersion", "kind"} == ours.keys() - {"apiVersion", "kind"}, name
        required = {key for key, field in theirs.items() if field.is_required()}
        assert required == {key for key, field in ours.items() if not field.rule.get("optional")}, name
        compared += 1
    assert compared > 700
