"""scripts/setup: from nothing, again, by the wrong user, and taken away."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NOBODY = 65534


def copy_checkout(to: Path) -> None:
    """The checkout as git would commit it now, working tree and all."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "-c", "safe.directory=*", "ls-files", "-coz", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


@pytest.fixture
def elsewhere(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Another checkout, and an environment in which its `podwire` goes to a PATH of its own."""
    copy_checkout(tmp_path / "checkout")
    (tmp_path / "bin").mkdir()
    return tmp_path / "checkout", {**os.environ, "PODWIRE_BIN": str(tmp_path / "bin")}


@pytest.mark.root
@pytest.mark.parametrize("script", ["setup", "test", "try", "vm-test"])
def test_who_is_not_root_gets_the_line_to_type_and_exit_code_2(script: str):
    # Not a folder of pytest's: nobody can't enter those.
    folder = Path("/tmp") / f"podwire-t{os.getpid():x}-{script}"
    try:
        (folder / "scripts").mkdir(parents=True)
        (folder / "examples" / "shop").mkdir(parents=True)
        shutil.copy2(ROOT / "scripts" / script, folder / "scripts" / script)
        done = subprocess.run(
            [f"{folder}/scripts/{script}"],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 2
    assert f"\n  sudo {folder}/scripts/{script}" in done.stderr
    assert done.stdout == ""


@pytest.mark.root
@pytest.mark.parametrize("script", ["setup", "test", "check", "try", "vm-test", "debian-root"])
def test_help_says_what_it_does_and_does_nothing(script: str):
    done = subprocess.run(
        [ROOT / "scripts" / script, "--help"], capture_output=True, text=True, check=False, timeout=5
    )
    assert done.returncode == 0
    assert f"scripts/{script}" in done.stdout


@pytest.mark.root
@pytest.mark.slow
def test_from_nothing_then_again_in_a_moment_then_gone(elsewhere):
    checkout, environment = elsewhere
    link = Path(environment["PODWIRE_BIN"]) / "podwire"

    subprocess.run([checkout / "scripts/setup"], env=environment, check=True, stdin=subprocess.DEVNULL)
    version = subprocess.run([link, "--version"], capture_output=True, text=True, check=True, cwd="/").stdout
    assert version.startswith("podwire ")

    began = time.monotonic()
    again = subprocess.run([checkout / "scripts/setup"], env=environment, capture_output=True, check=True)
    assert time.monotonic() - began < 2
    assert b"nothing to do" in again.stderr

    subprocess.run([checkout / "scripts/setup", "--remove"], env=environment, check=True)
    assert not link.is_symlink()
    assert not (checkout / ".venv").exists()
    assert not (checkout / ".state").exists()


@pytest.mark.root
@pytest.mark.slow
def test_a_half_made_environment_is_mended(elsewhere):
    checkout, environment = elsewhere
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").write_text("#!/bin/false\n")
    subprocess.run([checkout / "scripts/setup", "--quiet"], env=environment, check=True)
    subprocess.run([Path(environment["PODWIRE_BIN"]) / "podwire", "--version"], check=True)


@pytest.mark.root
@pytest.mark.slow
def test_what_is_not_ours_at_the_links_place_is_left_alone(elsewhere):
    checkout, environment = elsewhere
    theirs = Path(environment["PODWIRE_BIN"]) / "podwire"
    theirs.write_text("#!/bin/sh\necho theirs\n")
    done = subprocess.run([checkout / "scripts/setup"], env=environment, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"no link of ours" in done.stderr
    assert theirs.read_text() == "#!/bin/sh\necho theirs\n"
