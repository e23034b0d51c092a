"""examples/policies passes as a stranger runs it: its own folder, its own pytest, and it fails when a policy is lost."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "policies"


def run(folder: Path, lab: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--podwire-lab", lab]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=240)


def test_the_example_passes_and_is_short(lab, tmp_path):
    folder = shutil.copytree(EXAMPLE, tmp_path / "policies")
    done = run(folder, lab.name)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    assert len((folder / "test_policies.py").read_text().splitlines()) < 40


def test_the_example_notices_a_policy_that_lets_too_much_through(lab, tmp_path):
    folder = shutil.copytree(EXAMPLE, tmp_path / "policies")
    policies = folder / "policies.yaml"
    policies.write_text(policies.read_text().replace("      ports: [{port: 5432}]\n", ""))
    done = run(folder, lab.name)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout, done.stdout
