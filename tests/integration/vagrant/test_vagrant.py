"""The Vagrantfile, as far as it can be tried where no box can be had: its set-up script in a fresh Debian 12 root, and
what vagrant itself says of it. The box never booted here."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(900)]

Inside = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """Runs a command in a Debian 12 root that mmdebstrap made and scripts/setup set up; about a minute.

    Skips where there is no apt; in CI that is a failure.
    """
    if shutil.which("apt-get") is None:
        reason = "no apt-get here: mmdebstrap needs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("debian") / "root"

    def inside(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "scripts" / "debian-root", directory, "--", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    try:
        made = inside("true")
        assert made.returncode == 0, made.stderr[-4000:]
        yield inside
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", directory], check=True)


def test_set_up_in_a_fresh_debian_gives_a_podwire_on_the_path(debian):
    version = debian("podwire", "--version")
    assert version.returncode == 0, version.stderr
    assert version.stdout.startswith("podwire ")


def test_doctor_finds_in_a_fresh_debian_all_that_a_lab_needs(debian):
    examined = debian("podwire", "doctor")
    assert examined.returncode == 0, examined.stdout
    lines = examined.stdout.splitlines()
    assert [line for line in lines if line.split()[:1] == ["NO"]] == []
    for tool in ("ip", "nft", "wget", "kubectl"):
        assert any(line.split()[:2] == ["ok", tool] for line in lines), examined.stdout


def test_set_up_a_second_time_has_nothing_to_do(debian):
    again = debian("/podwire/scripts/setup")
    assert again.returncode == 0
    assert "nothing to do" in again.stderr


def test_vagrant_validates_the_vagrantfile_and_would_refuse_a_misspelt_one(debian):
    installed = debian(
        "sh", "-c",
        "DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends vagrant vagrant-libvirt",
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr[-4000:]
    valid = debian("sh", "-c", "cd /podwire/vagrant && vagrant validate")
    assert valid.returncode == 0, valid.stdout + valid.stderr
    assert "validated successfully" in valid.stdout
    misspelt = debian(
        "sh", "-c",
        "mkdir /tmp/v && sed 's/vm.hostname/vm.hostnam/' /podwire/vagrant/Vagrantfile >/tmp/v/Vagrantfile && cd /tmp/v && vagrant validate",
    )  # fmt: skip
    assert misspelt.returncode != 0
    assert "hostnam" in misspelt.stdout + misspelt.stderr
