"""The wheel is all that an API alone needs: in an empty environment, as nobody, without pyroute2 and its like."""

import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
NOBODY = 65534
KERNEL = ("pyroute2", "netaddr")
"""What a lab needs and an API alone does not: taken out again before it is tried."""
PYTEST = ("pytest", "iniconfig", "packaging", "pluggy", "pygments")

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(600)]

_THEIRS = """
import os
import sys
from control.client.resources import PODS
import pytest

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
       "spec": {"containers": [{"name": "main", "image": "shop/web:1"}]}}

@pytest.mark.kube_api(nodes=1)
@pytest.mark.parametrize("number", range(3))
def test_theirs(kube_api, number):
    assert os.geteuid() == 65534
    client = kube_api.client()
    client.create(POD, "default")
    kube_api.until(lambda: client.get(PODS, "p", "default")["status"]["phase"] == "Running")
    assert not {"pyroute2", "scapy", "bcc", "netaddr"} & set(sys.modules)
"""


def _locked(names: tuple[str, ...]) -> str:
    """The lock's lines of these packages."""
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements-dev.lock").read_text())
    return "\n".join(entry for entry in entries if entry.split("==")[0] in names)


@pytest.fixture(scope="module")
def environment() -> Iterator[Path]:
    """A virtual environment with the wheel, its locked dependencies less those for the kernel, and pytest."""
    with tempfile.TemporaryDirectory(prefix="podwire-wheel-") as text:
        place = Path(text)
        place.chmod(0o755)
        build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place, ROOT)
        subprocess.run(build, cwd=place, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = place.glob("*.whl")
        venv.create(place / "env", with_pip=True)
        pip = (
            place / "env" / "bin" / "python",
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        )
        (place / "pytest.lock").write_text(_locked(PYTEST))
        install = (*pip, "install", "--no-deps", "--require-hashes")
        for lock in (ROOT / "requirements.lock", place / "pytest.lock"):
            subprocess.run((*install, "-r", lock), cwd=place, check=True)
        subprocess.run((*pip, "install", "--no-deps", wheel), cwd=place, check=True)
        subprocess.run((*pip, "uninstall", "--yes", *KERNEL), cwd=place, check=True)
        yield place


def _as_nobody(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of the environment, as an ordinary user who may write to one directory only."""
    home = place / "home"
    if not home.exists():
        home.mkdir(mode=0o700)
        (home / "test_theirs.py").write_text(_THEIRS)
    subprocess.run(("chown", "-R", str(NOBODY), home), check=True)
    return subprocess.run(
        (place / "env" / "bin" / words[0], *words[1:]),
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd=home,
        env={"HOME": str(home), "TMPDIR": str(home), "PATH": f"{place}/env/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_command_runs_beside_it(environment: Path) -> None:
    script = "import os, pathlib; print(os.geteuid(), pathlib.Path(os.environ['KUBECONFIG']).stat().st_uid)"
    done = _as_nobody(environment, "podwire", "api", "--fake-nodes", "1", "--", "python", "-c", script)
    assert (done.returncode, done.stdout) == (0, f"{NOBODY} {NOBODY}\n"), done.stderr
    assert "Kubernetes API at" in done.stderr
    assert not list((environment / "home").glob("podwire-api-*"))


def test_the_fixture_gives_each_test_its_own(environment: Path) -> None:
    done = _as_nobody(environment, "pytest", "-q", "-p", "no:cacheprovider", "test_theirs.py")
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert not list((environment / "home").glob("podwire-api-*"))
