"""Descriptions of the extra ``explain``, and what is published without it."""

import importlib.util

import pytest

from control.schema import descriptions
from control.schema.openapi_schemas import V3, schemas

POD = "k8s.io.api.core.v1.Pod"


@pytest.fixture
def anew():
    descriptions._descriptions.cache_clear()
    yield
    descriptions._descriptions.cache_clear()


def test_kinds_and_fields_say_what_they_are_for(anew):
    found = schemas([POD], V3)
    assert found["io.k8s.api.core.v1.Pod"]["description"].startswith("Pod is a collection of containers")
    image = found["io.k8s.api.core.v1.Container"]["properties"]["image"]
    assert image["description"].startswith("Container image name.")
    spec = found["io.k8s.api.core.v1.Pod"]["properties"]["spec"]
    assert spec["allOf"] == [{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec"}]
    assert "Specification of the desired behavior" in spec["description"]


def test_without_the_package_there_are_none_and_all_else_is_the_same(anew, monkeypatch):
    told = schemas([POD], V3)
    descriptions._descriptions.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    plain = schemas([POD], V3)
    assert "description" not in plain["io.k8s.api.core.v1.Pod"]
    assert plain.keys() == told.keys()
    assert descriptions.describe("io.k8s.api.core.v1.Pod") == {}
