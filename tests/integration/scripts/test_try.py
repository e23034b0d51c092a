"""scripts/try: what it leaves when all goes well, when a step fails, and when somebody presses Ctrl-C."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.testkit.until import until
from dataplane.host.cgroup import labs_with_cgroup
from dataplane.netns.sweep import labs

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.root

STUBBORN = """
apiVersion: v1
kind: Pod
metadata:
  name: stubborn
  annotations: {podwire.dev/ready: "false"}
spec:
  containers:
  - name: server
    image: example/server:1
    ports: [{containerPort: 80}]
    readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}
"""


class Try:
    """scripts/try on a lab of the test's own; `shown` is what the terminal would show."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[str] | None = None
        self.folders: set[Path] = set()

    def start(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [ROOT / "scripts" / "try", "--name", self.name, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def end(self) -> tuple[int, str]:
        assert self.process is not None
        shown, _ = self.process.communicate(timeout=120)
        return self.process.returncode, shown

    def kept(self, shown: str) -> Path:
        """The folder with the logs that it names."""
        named = re.search(r"its logs are in (\S+)", shown)
        assert named is not None, shown
        self.folders.add(Path(named[1]))
        return Path(named[1])

    @property
    def is_gone(self) -> bool:
        return self.name not in {*labs(), *labs_with_cgroup()}


@pytest.fixture
def attempt() -> Iterator[Try]:
    made = Try(f"t{os.getpid():x}try")
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            os.killpg(made.process.pid, signal.SIGKILL)
            made.process.communicate()
        subprocess.run([ROOT / "scripts" / "podwire", "down", "--name", made.name], check=True)
        for folder in made.folders:
            shutil.rmtree(folder)


def test_the_shop_runs_every_call_is_open_and_the_lab_stays(attempt: Try):
    attempt.start()
    code, shown = attempt.end()
    assert code == 0, shown
    calls = re.findall(r"→ \S+\s+(open|blocked|refused|unresolved)", shown)
    assert calls == ["open"] * 6, shown
    assert ", 0 mismatches" in shown
    assert f"podwire down --name {attempt.name}" in shown
    assert not attempt.is_gone

    attempt.start()
    code, shown = attempt.end()
    assert code == 0, shown
    assert "removed" not in shown, "a second run brings the lab up to date"


def test_online_boutique_runs_as_published(attempt: Try, boutique: Path):
    attempt.start(str(boutique))
    code, shown = attempt.end()
    assert code == 0, shown
    calls = re.findall(r"→ \S+\s+(open|blocked|refused|unresolved)", shown)
    assert sorted(calls) == ["open"] * 16 + ["unresolved"], shown
    assert ", 0 mismatches" in shown


def test_a_manifest_that_is_wrong_removes_the_lab_and_keeps_the_logs(attempt: Try, tmp_path: Path):
    (tmp_path / "wrong.yaml").write_text(STUBBORN.replace("containerPort: 80", "containerPort: 80000"))
    attempt.start(str(tmp_path))
    code, shown = attempt.end()
    assert code != 0
    assert "wrong.yaml" in shown
    assert "containerPort" in shown
    assert attempt.is_gone
    assert list((attempt.kept(shown) / "log").glob("*.log"))


def test_ctrl_c_while_it_waits_removes_the_lab_and_keeps_the_logs(attempt: Try, tmp_path: Path):
    (tmp_path / "stubborn.yaml").write_text(STUBBORN)
    attempt.start(str(tmp_path))
    assert attempt.process is not None
    until(
        lambda: any("stubborn" in name.name for name in Path("/run/netns").iterdir()),
        60,
        what="the pod is there",
    )
    os.killpg(attempt.process.pid, signal.SIGINT)
    code, shown = attempt.end()
    assert code == 130, shown
    assert attempt.is_gone
    assert "stubborn" in (attempt.kept(shown) / "pods-and-events.txt").read_text()


def test_a_path_that_is_not_there_changes_nothing(attempt: Try):
    attempt.start("/nowhere/at/all")
    assert attempt.end() == (2, "scripts/try: /nowhere/at/all: no such file or folder\n")
    assert attempt.is_gone
