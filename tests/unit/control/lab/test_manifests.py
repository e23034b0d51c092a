"""Manifests know the file and line of every object and field."""

from pathlib import Path

import pytest

from control.errors import Cause, Invalid, ManifestInvalid
from control.lab.apply import Trial, refused
from control.lab.manifests import read_manifests

TWO = """\
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
spec:
  ports:
  - port: 80
  - port: 0
---
apiVersion: v1
kind: Namespace
metadata:
  name: shop
"""


def test_directories_are_read_recursively_and_namespaces_come_first(tmp_path: Path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "two.yaml").write_text(TWO)
    (tmp_path / "readme.md").write_text("not: a manifest")
    found = read_manifests([str(tmp_path)])
    assert [(m.object["kind"], m.line) for m in found] == [("Namespace", 11), ("Service", 1)]


def test_a_field_knows_its_line(tmp_path: Path):
    path = tmp_path / "two.yaml"
    path.write_text(TWO)
    service = read_manifests([str(path)])[1]
    assert service.line_of("spec.ports[1].port") == 9
    assert service.line_of("spec.ports[1].nothing.here") == 9
    assert service.line_of("spec.selector") == 7


def test_what_the_api_refuses_is_told_with_file_line_and_field(tmp_path: Path):
    path = tmp_path / "two.yaml"
    path.write_text(TWO)
    service = read_manifests([str(path)])[1]
    error = refused(
        service,
        Invalid("no", causes=[Cause("FieldValueInvalid", "must be a port", "spec.ports[1].port")]),
        Trial.ALONE,
    )
    assert error.what == f"{path}:9: Service shop/web: spec.ports[1].port: must be a port"


def test_the_items_of_a_list_keep_their_own_lines(tmp_path: Path):
    path = tmp_path / "list.yaml"
    path.write_text(
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
    )
    assert [(m.object["metadata"]["name"], m.line) for m in read_manifests([str(path)])] == [
        ("a", 4),
        ("b", 5),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "two.yaml:"),
        ("kind: Pod\nmetadata: {name: a}\n", "two.yaml:1: an object needs apiVersion and kind"),
        ("---\napiVersion: v1\nkind: Pod\n", "two.yaml:2: metadata.name: is required"),
        ("# nothing\n", "No object in"),
    ],
)
def test_a_file_that_holds_no_object_is_told(tmp_path: Path, text, says):
    path = tmp_path / "two.yaml"
    path.write_text(text)
    with pytest.raises(ManifestInvalid, match="(?s)" + says.replace(".", r"\.")):
        read_manifests([str(path)])


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(ManifestInvalid, match="nowhere"):
        read_manifests(["nowhere.yaml"])
