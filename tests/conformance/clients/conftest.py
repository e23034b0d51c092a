"""An API server in the test's own loop, and a kubeconfig of it for clients that others wrote."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.integration.control.api.conftest import (  # noqa: F401 (fixtures)
    Served,
    authority,
    client,
    kubeconfig,
    serve,
    served,
)

T = TypeVar("T")


@pytest.fixture
def config_file(served: Served, client: Any, tmp_path: Path) -> Path:  # noqa: F811 (fixtures)
    """An admin's kubeconfig; namespace default has its service account."""
    return kubeconfig(served, tmp_path / "kubeconfig")


@pytest.fixture
def call() -> Callable[..., Any]:
    """``await call(function, …)``: in a thread, because the server lives in this loop; 20 s at most."""

    async def call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await asyncio.wait_for(asyncio.to_thread(function, *args, **kwargs), 20)

    return call
