"""Go's exec, attach and port-forward (client-go: SPDY, as most tools, and WebSocket) on a lab. Five minutes, the compiler's."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.golang import built
from tests.conformance.streamed import TALK

SOURCE = Path(__file__).parent / "goclient"


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_go_program_streams_as_on_a_cluster(lab: Any, tmp_path: Path) -> None:
    binary = built(SOURCE, tmp_path / "streams", "build", "./streams")
    lab.create(TALK)
    lab.ready_pod("talk")
    environment = {**os.environ, "KUBECONFIG": str(lab.directory.kubeconfig), "NAMESPACE": lab.namespace}
    done = subprocess.run(
        [str(binary)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    said = done.stdout.splitlines()
    assert said[-1:] == ["OK"], done.stdout + done.stderr
    ways = {"exec", "much output", "terminal", "forward"}
    assert {f"{what} {how}" for what in ways for how in ("spdy", "websocket")} <= set(said)
