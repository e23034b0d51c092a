"""Certificates and kubeconfigs of an API alone."""

from pathlib import Path

import pytest
import yaml

from control.alone.credentials import check_copy, ensure_credentials, remove_copy, write_kubeconfig
from control.alone.place import Place
from control.errors import AloneInvalid


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "place").mkdir()
    made = Place(tmp_path / "place", kept=False)
    ensure_credentials(made)
    return made


def test_what_is_there_is_kept(place: Place) -> None:
    before = {path: path.read_bytes() for path in place.pki.iterdir()}
    ensure_credentials(place)
    assert {path: path.read_bytes() for path in place.pki.iterdir()} == before


def test_keys_are_private(place: Place) -> None:
    keys = list(place.pki.glob("*.key"))
    assert len(keys) == 7
    assert all(key.stat().st_mode & 0o077 == 0 for key in keys)


def test_a_kubeconfig_holds_all_that_a_client_needs(place: Place, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert write_kubeconfig(place, 4711, copy) == copy
    config = yaml.safe_load(copy.read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:4711"
    assert set(config["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}
    assert copy.stat().st_mode & 0o777 == 0o600


def test_our_own_copy_may_be_written_again_and_goes_with_the_place(place: Place, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    write_kubeconfig(place, 1, copy)
    assert check_copy(copy) == copy
    remove_copy(place, copy)
    assert not copy.exists()


def test_a_copy_that_another_has_overwritten_stays(place: Place, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    write_kubeconfig(place, 1, copy)
    copy.write_text("somebody else's")
    remove_copy(place, copy)
    assert copy.exists()


@pytest.mark.parametrize("name", ["", "missing/kubeconfig", "taken"])
def test_a_copy_is_written_to_no_directory_and_over_nothing_of_others(tmp_path: Path, name: str) -> None:
    (tmp_path / "taken").write_text("apiVersion: v1\nkind: Config\n")
    with pytest.raises(AloneInvalid, match="--kubeconfig"):
        check_copy(tmp_path / name)
