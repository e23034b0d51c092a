"""Objects for the tests of the schema: from YAML, as the API has them before validation."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import settings

from control.schema.defaults import apply_defaults
from control.schema.resource import ResourceRow, registry
from control.schema.strategy import prepare_create
from control.schema.structure import check
from control.schema.validate import validate_create

Json = dict[str, Any]
# No deadline: how long one example takes says more about the machine than about us. CI tries the same ones each time.
settings.register_profile("podwire", deadline=None, derandomize=bool(os.environ.get("CI")), database=None)
settings.load_profile("podwire")


def _row(api_version: str, kind: str) -> ResourceRow:
    found = registry().by_kind(api_version, kind)
    assert found is not None, f"no {kind} in {api_version}"
    return found


def _load(text: str) -> Json:
    obj = yaml.safe_load(text)
    row = _row(obj["apiVersion"], obj["kind"])
    if row.namespaced:
        obj.setdefault("metadata", {}).setdefault("namespace", "default")
    check(row, obj).refuse(strict=True)
    apply_defaults(row, obj)
    prepare_create(row, obj)
    return obj


@pytest.fixture
def row() -> Callable[[str, str], ResourceRow]:
    """apiVersion, kind → row."""
    return _row


@pytest.fixture
def load() -> Callable[[str], Json]:
    """YAML → object, checked, defaulted, prepared."""
    return _load


@pytest.fixture
def wrong() -> Callable[[str], list[str]]:
    """YAML → what validation says of the new object, ``path: message`` each."""

    def told(text: str) -> list[str]:
        obj = _load(text)
        found = validate_create(_row(obj["apiVersion"], obj["kind"]), obj)
        return [f"{cause.field}: {cause.message}" for cause in found]

    return told
