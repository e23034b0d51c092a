"""Kinds that a batch of manifests defines."""

import copy
from typing import Any

import pytest
import yaml

from control.client.resources import Resource
from control.lab.apply_kinds import Kinds
from control.lab.manifests import Manifest

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: mice.example.com}
spec: {group: example.com, scope: Cluster, names: {plural: mice, kind: Mouse}, versions: [{name: v1}, {name: v2}]}
"""


def kinds(obj: dict[str, Any]) -> Kinds:
    return Kinds.of([Manifest("a.yaml", 1, obj, yaml.compose(yaml.safe_dump(obj)))])


def test_each_version_is_a_kind() -> None:
    found = kinds(yaml.safe_load(DEFINITION))
    assert found.defined == {
        (f"example.com/{version}", "Mouse"): Resource("example.com", version, "mice", namespaced=False)
        for version in ("v1", "v2")
    }
    assert found.is_defined({"apiVersion": "example.com/v2", "kind": "Mouse"})
    assert not found.is_defined({"apiVersion": "example.com/v3", "kind": "Mouse"})


@pytest.mark.parametrize(
    "spoilt", [{"spec": None}, {"spec": {"versions": 5}}, {"spec": {"group": "example.com"}}]
)
def test_what_is_no_definition_defines_nothing(spoilt: dict[str, Any]) -> None:
    assert kinds(copy.deepcopy(yaml.safe_load(DEFINITION)) | spoilt).defined == {}
