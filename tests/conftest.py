"""What every test may ask for: the files of an application that nobody here wrote."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.absent import absent

if TYPE_CHECKING:
    from control.testkit.lab import Lab
    from dataplane.model.address import Family

ROOT = Path(__file__).resolve().parent.parent

BOUTIQUE = ROOT.parent / "shared" / "data" / "online-boutique"


@pytest.fixture(scope="session")
def boutique() -> Path:
    """The folder of Online Boutique's published manifests and policies: not ours to ship, read where it is.

    Skips without it; in CI, where it lies beside the clone, its absence is a failure.
    """
    if not (BOUTIQUE / "kubernetes-manifests.yaml").exists():
        absent(f"Online Boutique's manifests are not at {BOUTIQUE}")
    return BOUTIQUE


@pytest.fixture(params=[4, 6], ids=["v4", "v6"])
def family(request: pytest.FixtureRequest, lab: "Lab") -> "Family":
    """An address family that the test's lab speaks; the test runs once for each."""
    from dataplane.model.address import Family

    wanted = Family(request.param)
    if wanted not in lab.families:
        pytest.skip(f"this lab speaks no IPv{wanted.value}")
    return wanted


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Root's tests say so when somebody else runs them."""
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root: sudo scripts/test"))
