"""What is no quota and no limit range, with the field and upstream's words."""

import pytest

from control.schema.validate_quota import limit_range, resource_quota, resource_quota_update


def told(found):
    return [f"{cause.field}: {cause.message}" for cause in found]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"hard": {"pods": "3", "count/deployments.apps": "2", "requests.example.com/gpu": "1"}}, []),
        ({"hard": {"pods": "-1"}}, ['spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0']),
        ({"hard": {"pods": "1500m"}}, ['spec.hard[pods]: Invalid value: "1500m": must be an integer']),
        ({"hard": {"gadgets": "1"}}, ['spec.hard[gadgets]: Invalid value: "gadgets": must be a standard resource for quota']),
        ({"scopes": ["Sometimes"]}, ['spec.scopes: Invalid value: ["Sometimes"]: unsupported scope']),
        ({"scopes": ["BestEffort", "NotBestEffort"]}, ['spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes']),
        (
            {"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}},
            ["spec.scopeSelector.matchExpressions[0].values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"],
        ),
    ],
)  # fmt: skip
def test_quotas(spec, said):
    assert told(resource_quota({"spec": spec})) == said


def test_scopes_are_fixed():
    old, new = {"spec": {"scopes": ["BestEffort"]}}, {"spec": {}}
    assert told(resource_quota_update(new, old)) == ["spec.scopes: Invalid value: null: field is immutable"]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"type": "Pod", "max": {"cpu": "1"}}, []),
        ({"type": "Pod", "default": {"cpu": "1"}}, ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"]),
        ({"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}, ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1']),
        ({"type": "Container", "maxLimitRequestRatio": {"cpu": "800m"}}, ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "800m": ratio 800m is less than 1']),
        ({"type": "PersistentVolumeClaim"}, ["spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided"]),
    ],
)  # fmt: skip
def test_limit_ranges(item, said):
    assert told(limit_range({"spec": {"limits": [item]}})) == said


def test_a_type_stands_once():
    item = {"type": "Pod", "max": {"cpu": "1"}}
    assert told(limit_range({"spec": {"limits": [item, item]}})) == [
        'spec.limits[1].type: Duplicate value: "Pod"'
    ]
