"""Go's typed client and informers (client-go 0.35) on our API server. About four minutes, most of it the compiler's."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.golang import need_go
from tests.integration.control.api.conftest import (  # noqa: F401 (fixtures)
    Served,
    authority,
    client,
    kubeconfig,
    serve,
    served,
)

SOURCE = Path(__file__).parent / "goclient"


@pytest.mark.slow
async def test_a_go_program_works_as_on_a_cluster(served: Served, client: Any, tmp_path: Path) -> None:  # noqa: F811
    need_go()
    binary = tmp_path / "goclient"
    building = await asyncio.create_subprocess_exec("go", "build", "-o", str(binary), ".", cwd=SOURCE)
    assert await building.wait() == 0
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig(served, tmp_path / "kubeconfig"))}
    running = await asyncio.create_subprocess_exec(
        str(binary), env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(running.communicate(), 60)

    said = out.decode().splitlines()
    assert said[-1] == "OK", out.decode()
    assert "synced *v1.Pod true" in out.decode()
