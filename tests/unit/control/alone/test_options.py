"""What a marker may ask for."""

from typing import Any

import pytest

from control.alone.options import AloneOptions
from control.errors import AloneInvalid


def test_controllers_run_and_there_are_no_nodes_unless_it_is_said_otherwise() -> None:
    assert AloneOptions.of() == AloneOptions(controllers=True, nodes=0, kubelet=True)


def test_a_kubelet_that_is_asked_for_has_a_node() -> None:
    assert AloneOptions.of(kubelet=True).nodes == 1
    assert AloneOptions.of(nodes=2, kubelet=False) == AloneOptions(nodes=2, kubelet=False)


def test_pods_are_placed_wherever_there_are_nodes() -> None:
    assert AloneOptions(controllers=False, nodes=1).scheduler
    assert not AloneOptions(controllers=False).scheduler


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"node": 2}, "node"),
        ({"nodes": "2"}, "nodes"),
        ({"nodes": True}, "nodes"),
        ({"nodes": -1}, "nodes"),
        ({"nodes": 100_000}, "nodes"),
        ({"controllers": 1}, "controllers"),
        ({"nodes": 0, "kubelet": True}, "kubelet"),
    ],
)
def test_what_can_not_be_is_refused_with_its_name_and_the_right_form(
    asked: dict[str, Any], named: str
) -> None:
    with pytest.raises(AloneInvalid, match=named) as refused:
        AloneOptions.of(**asked)
    assert "pytest.mark.kube_api" in refused.value.mend
