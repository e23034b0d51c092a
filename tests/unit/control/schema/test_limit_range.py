"""What LimitRanges give and refuse, in upstream's words."""

import pytest

from control.schema.limit_range import SET_BY, claim_refusals, fill_in, refusals


def pod(resources, **spec):
    return {"metadata": {}, "spec": {"containers": [{"name": "c", "resources": resources}], **spec}}


def test_defaults_go_where_nothing_is_said_and_are_told():
    limits = [
        {"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "100m"}}
    ]
    obj = pod({"limits": {"cpu": "2"}}, initContainers=[{"name": "i"}])
    fill_in(obj, limits)

    assert obj["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "2", "memory": "1Gi"},
        "requests": {"cpu": "100m"},
    }
    assert obj["metadata"]["annotations"][SET_BY] == (
        "LimitRanger plugin set: cpu request for container c; memory limit for container c;"
        " cpu request for init container i; cpu, memory limit for init container i"
    )


def test_nothing_to_give_leaves_no_annotation():
    obj = pod({})
    fill_in(obj, [{"type": "Pod", "max": {"cpu": "1"}}])
    assert obj == pod({})


@pytest.mark.parametrize(
    ("limit", "resources", "said"),
    [
        ({"min": {"memory": "1Gi"}}, {"requests": {"memory": "512Mi"}}, ["minimum memory usage per Container is 1Gi, but request is 512Mi"]),
        ({"min": {"memory": "1Gi"}}, {}, ["minimum memory usage per Container is 1Gi.  No request is specified"]),
        ({"max": {"cpu": "1"}}, {"limits": {"cpu": "1500m"}}, ["maximum cpu usage per Container is 1, but limit is 1500m"]),
        ({"max": {"cpu": "1"}}, {"requests": {"cpu": "2"}}, ["maximum cpu usage per Container is 1.  No limit is specified"]),
        ({"max": {"cpu": "2"}}, {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}, []),
        ({"maxLimitRequestRatio": {"cpu": "2"}}, {"limits": {"cpu": "3"}, "requests": {"cpu": "1"}}, ["cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"]),
        ({"maxLimitRequestRatio": {"cpu": "2"}}, {"limits": {"cpu": "3"}}, ["cpu max limit to request ratio per Container is 2, but no request is specified or request is 0"]),
    ],
)  # fmt: skip
def test_what_a_container_may_not(limit, resources, said):
    assert refusals(pod(resources), [{"type": "Container", **limit}]) == said


def test_a_pod_is_judged_by_its_sum():
    obj = pod({"limits": {"cpu": "1"}})
    obj["spec"]["containers"] *= 3
    assert refusals(obj, [{"type": "Pod", "max": {"cpu": "2"}}]) == [
        "maximum cpu usage per Pod is 2, but limit is 3"
    ]


def test_a_claim_is_judged_by_its_storage():
    claim = {"spec": {"resources": {"requests": {"storage": "5Gi"}}}}
    limits = [{"type": "PersistentVolumeClaim", "max": {"storage": "2Gi"}, "min": {"storage": "1Gi"}}]
    assert claim_refusals(claim, limits) == [
        "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi"
    ]
