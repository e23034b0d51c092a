"""The pytest plugin that users get and our own tests use; harmless where no test asks for its fixtures.

`lab`: a real lab, one for the whole run, in a namespace of the test's own. `family`: each address family that the
lab speaks, in turn. Without root both skip.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from control.testkit.lab import Lab
    from dataplane.model.address import Family

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
    """Tells pytest our marker, so that --strict-markers knows it in users' suites too."""
    config.addinivalue_line("markers", "root: needs root and Linux namespaces")


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


@pytest.fixture(scope="session")
def whole_lab(request: pytest.FixtureRequest) -> Iterator["Lab"]:
    """The run's lab, seen from namespace `default`: brought up at the first test that asks, removed at the end."""
    if os.geteuid() != 0:
        pytest.skip("a lab is made of network namespaces, which takes root")
    from control.testkit.lab import Lab

    given = request.config.getoption("--podwire-lab")
    if given:
        yield Lab.running(given)
        return
    name = f"t{os.getpid():x}"
    podwire("up", "--name", name, "--workers", str(request.config.getoption("--podwire-workers")))
    try:
        yield Lab.running(name)
    finally:
        if not request.config.getoption("--podwire-keep"):
            podwire("down", "--name", name)


_made: dict[str, int] = {}


@pytest.fixture
def lab(whole_lab: "Lab", request: pytest.FixtureRequest) -> Iterator["Lab"]:
    """The run's lab in a new namespace, which goes when the test ends."""
    stem = re.sub(r"[^a-z0-9]+", "-", request.node.originalname.lower().removeprefix("test_"))[:40].strip("-")
    _made[stem] = _made.get(stem, 0) + 1
    here = whole_lab.in_namespace(f"{stem}-{_made[stem]}")
    try:
        yield here
    finally:
        here.leave()


@pytest.fixture(params=[4, 6], ids=["v4", "v6"])
def family(request: pytest.FixtureRequest, whole_lab: "Lab") -> "Family":
    """An address family that the lab speaks; the test runs once for each."""
    from dataplane.model.address import Family

    wanted = Family(request.param)
    if wanted not in whole_lab.families:
        pytest.skip(f"this lab speaks no IPv{wanted.value}")
    return wanted
