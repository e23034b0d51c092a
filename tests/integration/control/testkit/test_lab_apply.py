"""`lab.apply`: files, folders and text, in the test's namespace or where they say, and gone with the test."""

import pytest

from control.client.resources import NAMESPACES
from control.errors import ManifestInvalid
from control.testkit.lab import Lab

pytestmark = pytest.mark.root

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: %s}
"""
ELSEWHERE = """
apiVersion: v1
kind: Namespace
metadata: {name: elsewhere-of-apply}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: far, namespace: elsewhere-of-apply}
"""


def test_text_and_files_land_in_the_tests_namespace_and_may_be_applied_again(lab, tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(CONFIG % "red")
    (made,) = lab.apply(file)
    (again,) = lab.apply(CONFIG % "blue")
    assert (made["metadata"]["namespace"], made["data"]) == (lab.namespace, {"colour": "red"})
    assert (again["metadata"]["uid"], again["data"]) == (made["metadata"]["uid"], {"colour": "blue"})


def test_what_is_made_elsewhere_goes_with_the_test(lab):
    a_test = Lab(lab.plan, lab.directory, lab.api, lab.namespace).in_namespace(f"{lab.namespace}-inner")
    a_test.apply(ELSEWHERE)
    assert lab.api.find(NAMESPACES, "elsewhere-of-apply") is not None

    a_test.leave()

    lab.until(lambda: lab.api.find(NAMESPACES, "elsewhere-of-apply") is None, within_s=20)


def test_what_was_there_before_stays(lab):
    a_test = Lab(lab.plan, lab.directory, lab.api, lab.namespace).in_namespace(f"{lab.namespace}-inner")
    a_test.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {seen: by-apply}}\n")
    a_test.leave()
    assert lab.api.get(NAMESPACES, "default")["status"]["phase"] == "Active"
    lab.api.patch(NAMESPACES, "default", None, {"metadata": {"labels": {"seen": None}}})


@pytest.mark.parametrize(
    ("text", "said"), [("a: [\n", "this is not YAML"), ("kind: Pod\nname: x\n", "apiVersion")]
)
def test_a_text_that_is_no_object_is_named_by_line(lab, text, said):
    with pytest.raises(ManifestInvalid, match=rf"text\.yaml:\d.*{said}"):
        lab.apply(text)
