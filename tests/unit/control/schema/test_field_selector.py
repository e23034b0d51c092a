"""Field selectors."""

import pytest

from control.errors import BadRequest
from control.schema.field_selector import FieldSelector, selectable_fields

POD = {
    "metadata": {"name": "a", "namespace": "default"},
    "spec": {"nodeName": "node-1", "restartPolicy": "Always"},
    "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]},
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True), ("metadata.name=a", True), ("metadata.name=b", False), ("spec.nodeName==node-1", True),
        ("status.phase!=Running", False), ("status.phase!=Failed,spec.nodeName=node-1", True),
        ("spec.schedulerName=", True), ("spec.hostNetwork=false", True), ("status.podIPs=10.0.0.1", True),
    ],
)  # fmt: skip
def test_terms_on_a_pod(row, text: str, matches: bool):
    pods = row("v1", "Pod")
    selector = FieldSelector.parse(pods, text)
    assert selector.matches(POD) is matches
    assert selector.matches_fields(selectable_fields(pods, POD)) is matches


def test_events_are_found_by_what_they_are_about(row):
    event = {
        "involvedObject": {"name": "web", "kind": "Pod", "uid": "u"},
        "type": "Normal",
        "source": {"component": "kubelet"},
    }
    selector = FieldSelector.parse(
        row("v1", "Event"), "involvedObject.name=web,involvedObject.kind=Pod,type=Normal,source=kubelet"
    )
    assert selector.matches(event)
    assert selector.exact("involvedObject.name") == "web"


def test_an_unsupported_field_is_a_bad_request(row):
    with pytest.raises(BadRequest, match="field label not supported"):
        FieldSelector.parse(row("v1", "Pod"), "spec.foo=1")
    with pytest.raises(BadRequest, match="is not a known field selector"):
        FieldSelector.parse(row("v1", "ConfigMap"), "spec.x=1")
    with pytest.raises(BadRequest, match="invalid selector"):
        FieldSelector.parse(row("v1", "Pod"), "spec.nodeName")
