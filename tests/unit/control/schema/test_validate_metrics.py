"""Metrics and scaling rules of autoscalers that are none, in upstream's words."""

import pytest

SCALER = (
    "{{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {{name: web}}, spec: "
    "{{maxReplicas: 3, scaleTargetRef: {{kind: Deployment, name: web}}, {}}}}}"
)
SHARE = "target: {type: Utilization, averageUtilization: 50}"
EACH = "target: {type: AverageValue, averageValue: 1}"


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (f"type: Resource, resource: {{name: cpu, {SHARE}}}", []),
        (f"type: ContainerResource, containerResource: {{name: cpu, container: a, {SHARE}}}", []),
        (f"type: Pods, pods: {{metric: {{name: hits}}, {EACH}}}", []),
        (f"type: External, external: {{metric: {{name: queue}}, {EACH}}}", []),
        (f"type: Object, object: {{describedObject: {{kind: Service, name: a}}, metric: {{name: hits}}, {EACH}}}", []),
        ("type: Pods", [".pods: Required value: must populate information for the given metric source"]),
        ("type: Some", ['.type: Unsupported value: "Some": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"']),
        (f"type: Resource, resource: {{name: cpu, {SHARE}}}, pods: {{metric: {{name: a}}, {EACH}}}", [".pods: Forbidden: must populate the given metric source only"]),
        (f"type: Resource, resource: {{name: '', {SHARE}}}", [".resource.name: Required value: must specify a resource name"]),
        (f"type: ContainerResource, containerResource: {{name: cpu, container: '', {SHARE}}}", [".containerResource.container: Required value: must specify a container"]),
        ("type: Resource, resource: {name: cpu, target: {type: Utilization}}", [".resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization"]),
        ("type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 1, averageValue: 1}}", [".resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization"]),
        ("type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 0}}", [".resource.target.averageUtilization: Invalid value: 0: must be greater than 0"]),
        ("type: Resource, resource: {name: cpu, target: {type: Half, averageUtilization: 5}}", ['.resource.target.type: Invalid value: "Half": must be either Utilization, Value, or AverageValue']),
        ("type: Pods, pods: {metric: {name: a}, target: {type: Value, value: 1}}", [".pods.target.averageValue: Required value: must specify a positive target averageValue"]),
        ("type: Pods, pods: {metric: {name: a/b}, target: {type: AverageValue, averageValue: 1}}", ['.pods.metric.name: Invalid value: "a/b": may not contain \'/\'']),
        ("type: External, external: {metric: {name: a}, target: {type: Value, value: 1, averageValue: 1}}", [".external.target.value: Forbidden: may not set both a target value for metric and a per-pod target"]),
        ("type: External, external: {metric: {name: a}, target: {type: Value, value: '-1'}}", ['.external.target.value: Invalid value: "-1": must be positive']),
        ("type: Object, object: {describedObject: {kind: Service, name: ''}, metric: {name: a}, target: {type: Value}}",
         [".object.describedObject.name: Required value", ".object.target.averageValue: Required value: must set either a target value or averageValue"]),
    ],
)  # fmt: skip
def test_metrics(wrong, metric, said):
    assert wrong(SCALER.format(f"metrics: [{{{metric}}}]")) == [f"spec.metrics[0]{one}" for one in said]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("{stabilizationWindowSeconds: 0, tolerance: 100m}", []),
        ("{stabilizationWindowSeconds: -1}", [".stabilizationWindowSeconds: Invalid value: -1: must be greater than or equal to zero"]),
        ("{stabilizationWindowSeconds: 3601}", [".stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600"]),
        ("{selectPolicy: Most}", ['.selectPolicy: Unsupported value: "Most": supported values: "Disabled", "Max", "Min"']),
        ("{policies: []}", []),
        ("{policies: [{type: Nodes, value: 0, periodSeconds: 1801}]}",
         ['.policies[0].type: Unsupported value: "Nodes": supported values: "Percent", "Pods"',
          ".policies[0].value: Invalid value: 0: must be greater than zero",
          ".policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800"]),
    ],
)  # fmt: skip
def test_behaviour(wrong, rules, said):
    told = wrong(SCALER.format(f"behavior: {{scaleUp: {rules}}}"))
    assert told == [f"spec.behavior.scaleUp{one}" for one in said]


def test_the_cpu_target_of_v1_is_a_metric_too(wrong):
    v1 = SCALER.replace("autoscaling/v2", "autoscaling/v1")
    assert wrong(v1.format("targetCPUUtilizationPercentage: 0")) == [
        "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0"
    ]


def test_a_behaviour_is_filled_in(load):
    behavior = load(SCALER.format("behavior: {scaleDown: {selectPolicy: Disabled}}"))["spec"]["behavior"]
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    assert behavior["scaleDown"] == {"selectPolicy": "Disabled", "policies": [percent]}
    assert behavior["scaleUp"] == {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, percent],
    }
