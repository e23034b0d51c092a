"""Real kubectls on the API server of the integration tests: the one on PATH, and 1.37 from PyPI."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from control.lab.kubectl import packaged
from tests.integration.control.api.conftest import (  # noqa: F401 (fixtures)
    Kubectl,
    authority,
    client,
    kubectl_on,
    serve,
    served,
)


@pytest.fixture(scope="session")
def binaries() -> dict[str, Path | None]:
    on_path = shutil.which("kubectl")
    return {"path": Path(on_path) if on_path else None, "v1.37": packaged("kubectl")}


@pytest.fixture(params=["v1.37", "path"])
def kubectl(
    request: pytest.FixtureRequest,
    binaries: dict[str, Path | None],
    served: Any,  # noqa: F811
    tmp_path: Path,
) -> Kubectl:
    """Each of the two kubectls, with a kubeconfig and caches of this test."""
    binary = binaries[request.param]
    if binary is None:
        pytest.skip("kubectl is not on PATH")
    home = tmp_path / "home"
    home.mkdir()
    return kubectl_on(binary, served, home)
