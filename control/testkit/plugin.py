"""The pytest plugin that users get and our own tests use; harmless where no test asks for its fixtures.

One fixture, `lab`: a real lab, shared by the run's tests, in a namespace of the test's own. The marker `podwire` says its
shape. Without root its tests skip. Another, `kube_api`: the Kubernetes API alone, fresh for each test, for any user; the
marker `kube_api` says what it is to be.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from control.testkit.kube_api import KubeApi, Nursery
    from control.testkit.lab import Lab
    from control.testkit.labs import Labs

_UP_S = 180.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """--podwire-lab, --podwire-workers, --podwire-keep."""
    group = parser.getgroup("podwire")
    group.addoption(
        "--podwire-lab", metavar="NAME", help="use this running lab instead of bringing one up for the run"
    )
    group.addoption(
        "--podwire-workers", metavar="N", type=int, default=2, help="worker nodes of the run's lab (2)"
    )
    group.addoption("--podwire-keep", action="store_true", help="leave the run's lab for you to look at")


def pytest_configure(config: pytest.Config) -> None:
    """Tells pytest our markers, so that --strict-markers knows them in users' suites too."""
    config.addinivalue_line(
        "markers",
        "podwire(workers=2, overlay='vxlan', file='lab.yaml'): the shape of the lab that `lab` gives",
    )
    config.addinivalue_line(
        "markers",
        "kube_api(controllers=True, nodes=0, kubelet=True): what the API that `kube_api` gives is to be",
    )


def podwire(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs podwire as a person would; AssertionError with what it said when it fails."""
    done = subprocess.run(
        [sys.executable, "-I", "-m", "podwire", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_UP_S,
        check=False,
    )
    if check and done.returncode != 0:
        raise AssertionError(f"podwire {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Packets and traces that differ from what was expected are shown as a diff."""
    # Who has not imported the matchers compares no packets: nothing of ours is loaded for their assertions.
    for name in ("control.testkit.hops", "control.testkit.trace"):
        module = sys.modules.get(name)
        lines: list[str] | None = module.explain(left, right) if module is not None and op == "==" else None
        if lines is not None:
            return lines
    return None


@pytest.fixture(scope="session")
def _podwire_labs(request: pytest.FixtureRequest) -> Iterator["Labs"]:
    """The run's labs, one a shape, removed at its end."""
    from control.testkit.labs import Labs

    option = request.config.getoption
    labs = Labs(option("--podwire-lab"), keep=option("--podwire-keep"))
    try:
        yield labs
    finally:
        labs.close()


_made: dict[str, int] = {}


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator["Lab"]:
    """A real lab in a new namespace of the test's own; `@pytest.mark.podwire(workers=3, overlay="direct")` says its shape."""
    if os.geteuid() != 0:
        pytest.skip("a lab is made of network namespaces, which takes root")
    from control.testkit.labs import Labs, Shape

    labs: Labs = request.getfixturevalue("_podwire_labs")
    marker = request.node.get_closest_marker("podwire")
    words = marker.kwargs if marker else {}
    shape = Shape.of(words, request.path.parent, request.config.getoption("--podwire-workers"))
    whole = labs.of(shape, asked_for=bool(words))
    stem = re.sub(r"[^a-z0-9]+", "-", request.node.originalname.lower().removeprefix("test_"))[:40].strip("-")
    _made[stem] = _made.get(stem, 0) + 1
    here = whole.in_namespace(f"{stem}-{_made[stem]}")
    try:
        yield here
    finally:
        here.leave()


@pytest.fixture(scope="session")
def kube_api_nursery() -> Iterator["Nursery"]:
    """The warm process that forks a fresh API for each test that asks."""
    from control.testkit.kube_api import Nursery

    nursery = Nursery()
    try:
        yield nursery
    finally:
        nursery.close()


@pytest.fixture
def kube_api(request: pytest.FixtureRequest, kube_api_nursery: "Nursery") -> Iterator["KubeApi"]:
    """A fresh Kubernetes API of the test's own; ``@pytest.mark.kube_api(controllers=…, nodes=…, kubelet=…)``."""
    from control.alone.options import AloneOptions
    from control.errors import PersonError

    marker = request.node.get_closest_marker("kube_api")
    if marker is not None and marker.args:
        pytest.fail("kube_api takes names: @pytest.mark.kube_api(controllers=True, nodes=2)", pytrace=False)
    try:
        api = kube_api_nursery.make(AloneOptions.of(**(marker.kwargs if marker is not None else {})))
    except PersonError as error:
        pytest.fail(f"{error}\n  try  {error.mend}", pytrace=False)
    try:
        yield api
    finally:
        kube_api_nursery.end(api)
