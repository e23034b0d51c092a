"""Directories of APIs alone: those that go, those that stay, and what a killed process left."""

import os
import tempfile
from pathlib import Path

import pytest

from control.alone import place
from control.errors import AloneInUse, AloneInvalid


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary directory, for this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_fresh_place_is_its_users_alone_and_goes(temporary: Path) -> None:
    with place.ephemeral() as one, place.ephemeral() as other:
        assert one.root != other.root
        assert one.root.stat().st_mode & 0o777 == 0o700
        (one.root / "objects.sqlite").touch()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_and_a_living_ones_stays(temporary: Path) -> None:
    with place.ephemeral() as living:
        pid = os.fork()
        if pid == 0:
            with place.ephemeral() as dead:
                (dead.root / "pki").mkdir()
                os.kill(os.getpid(), 9)
        os.waitpid(pid, 0)
        left = set(living.root.parent.iterdir())
        assert len(left) == 2

        with place.ephemeral() as fresh:
            assert set(fresh.root.parent.iterdir()) == {living.root, fresh.root}
    assert list(temporary.iterdir()) == []


def test_a_parent_that_others_could_write_to_is_refused(temporary: Path) -> None:
    (temporary / f"podwire-api-{os.geteuid()}").mkdir(mode=0o777)
    (temporary / f"podwire-api-{os.geteuid()}").chmod(0o777)
    with pytest.raises(AloneInvalid, match="yours alone") as refused, place.ephemeral():
        pytest.fail("it was used")
    assert "TMPDIR" in refused.value.mend


def test_a_link_in_the_parents_place_is_refused(temporary: Path) -> None:
    (temporary / "elsewhere").mkdir(mode=0o700)
    (temporary / f"podwire-api-{os.geteuid()}").symlink_to(temporary / "elsewhere")
    with pytest.raises(AloneInvalid, match="yours alone"), place.ephemeral():
        pytest.fail("it was used")


def test_a_kept_place_is_one_apis_at_a_time(temporary: Path) -> None:
    with place.kept(temporary / "new" / "data") as one:
        one.store.touch()
        with pytest.raises(AloneInUse, match="Another API"), place.kept(one.root):
            pytest.fail("it was used")
    with place.kept(one.root) as again:
        assert again.store.exists()


def test_a_directory_with_something_else_in_it_is_not_touched(temporary: Path) -> None:
    (temporary / "thesis.tex").touch()
    with pytest.raises(AloneInvalid, match="not empty"), place.kept(temporary):
        pytest.fail("it was used")
    assert [path.name for path in temporary.iterdir()] == ["thesis.tex"]
