"""Autoscalers in both of their forms."""

from control.api.views_autoscaling import to_v1, to_v2

MEMORY = {
    "type": "Resource",
    "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 60}},
}
CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


def scaler(**spec):
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"maxReplicas": 5, **spec},
    }


def test_the_cpu_target_is_a_metric():
    assert to_v2(scaler(targetCPUUtilizationPercentage=80)) == scaler(metrics=[CPU])
    assert to_v1(scaler(metrics=[CPU])) == scaler(targetCPUUtilizationPercentage=80)


def test_what_v1_can_not_say_survives_an_update_through_it():
    newest = scaler(metrics=[CPU, MEMORY], behavior={"scaleDown": {"stabilizationWindowSeconds": 3}})
    newest["metadata"]["annotations"] = {"mine": "x"}
    newest["status"] = {"currentReplicas": 1, "conditions": [{"type": "AbleToScale", "status": "True"}]}
    older = to_v1(newest)
    assert older["spec"] == {"maxReplicas": 5, "targetCPUUtilizationPercentage": 80}
    assert older["status"] == {"currentReplicas": 1}
    assert to_v2(older) == newest


def test_an_annotation_that_keeps_no_json_is_left_alone():
    obj = scaler()
    obj["metadata"]["annotations"] = {"autoscaling.alpha.kubernetes.io/metrics": "{"}
    assert to_v2(obj) == obj
