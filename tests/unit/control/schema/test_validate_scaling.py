"""Autoscalers and priorities that are none, in upstream's words."""

import pytest

from control.schema.validate_scaling import autoscaler, priority_class, priority_class_update

TARGET = {"kind": "Deployment", "name": "web"}


def told(found):
    return [f"{cause.field}: {cause.message}" for cause in found]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"maxReplicas": 3, "minReplicas": 1, "scaleTargetRef": TARGET}, []),
        ({"maxReplicas": 3, "minReplicas": 0, "scaleTargetRef": TARGET}, ["spec.minReplicas: Invalid value: 0: must be greater than or equal to 1"]),
        ({"maxReplicas": 0, "scaleTargetRef": TARGET}, ["spec.maxReplicas: Invalid value: 0: must be greater than 0"]),
        ({"maxReplicas": 2, "minReplicas": 3, "scaleTargetRef": TARGET}, ["spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`"]),
        ({"maxReplicas": 2}, ["spec.scaleTargetRef.kind: Required value", "spec.scaleTargetRef.name: Required value"]),
    ],
)  # fmt: skip
def test_autoscalers(spec, said):
    assert told(autoscaler({"spec": spec})) == said


def test_priorities():
    assert told(priority_class({"metadata": {"name": "a"}, "value": 1_000_000_000})) == []
    assert told(priority_class({"metadata": {"name": "a"}, "value": 1_000_000_001})) == [
        "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"
    ]
    assert told(priority_class({"metadata": {"name": "system-mine"}, "value": 1}))[0].startswith(
        "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved"
    )
    assert told(priority_class_update({"value": 2}, {"value": 1})) == [
        "value: Forbidden: may not be changed in an update."
    ]
