"""A lab's wires, built for one test and removed after it."""

import itertools
import os
from collections.abc import Callable, Iterator

import pytest

from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from dataplane.model.topology import FabricPlan
from dataplane.netns.sweep import sweep

_numbers = itertools.count(1)


@pytest.fixture
def make_fabric_plan() -> Iterator[Callable[..., FabricPlan]]:
    """A plan of a lab of the test's own; what is built of it is swept."""
    labs: list[str] = []

    def make(overlay: str = "vxlan", *, dual: bool = True) -> FabricPlan:
        lab = f"tb{os.getpid() % 100_000}x{next(_numbers)}"
        labs.append(lab)
        spec = LabSpec(nodes=default_nodes(2), overlay=overlay, dual_stack=dual)
        return make_plan(lab, spec, ipv6=True).fabric

    yield make
    for lab in labs:
        sweep(lab)
