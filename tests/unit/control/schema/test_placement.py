"""Tolerations and node selector terms."""

import pytest

from control.schema.placement import allows_node, tolerates

OWN = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("toleration", "want"),
    [
        ({"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}, True),
        ({"key": "gpu", "value": "yes"}, True),
        ({"key": "gpu", "value": "no"}, False),
        ({"key": "gpu", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "gpu", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"value": "yes"}, False),
    ],
)
def test_a_toleration_covers_a_taint(toleration, want):
    assert tolerates(toleration, OWN) is want


@pytest.mark.parametrize(
    ("expression", "want"),
    [
        ({"key": "size", "operator": "Gt", "values": ["3"]}, True),
        ({"key": "size", "operator": "Gt", "values": ["4"]}, False),
        ({"key": "size", "operator": "Lt", "values": ["5"]}, True),
        ({"key": "none", "operator": "Lt", "values": ["5"]}, False),
        ({"key": "size", "operator": "In", "values": ["4", "8"]}, True),
        ({"key": "none", "operator": "NotIn", "values": ["4"]}, True),
    ],
)
def test_a_requirement_on_a_nodes_label(expression, want):
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"requiredDuringSchedulingIgnoredDuringExecution": required}

    assert allows_node({}, affinity, "n1", {"size": "4"}) is want


def test_a_term_may_name_the_node_itself_and_an_empty_one_matches_nothing():
    def affinity(term):
        return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}

    by_name = affinity({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]})

    assert allows_node({}, by_name, "n1", {}) is True
    assert allows_node({}, by_name, "n2", {}) is False
    assert allows_node({}, affinity({}), "n1", {}) is False
