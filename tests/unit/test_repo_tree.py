"""The rules about the tree itself hold, and each of them can fail."""

from pathlib import Path

import pytest

from scripts import tree


def test_every_module_has_a_row_in_where_md():
    assert tree.without_row() == []


def test_every_row_of_where_md_names_a_module():
    assert tree.without_module() == []


def test_no_module_is_longer_than_a_sitting():
    assert tree.too_long() == []


def test_no_module_is_a_cellar():
    assert tree.cellars() == []


def test_every_link_in_our_pages_leads_somewhere():
    assert tree.dead_links() == []


def test_every_page_can_be_found_from_another():
    assert tree.unlisted() == []


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with one module, one page and an empty table."""
    for package in tree.PACKAGES:
        (tmp_path / package).mkdir()
    (tmp_path / "podwire.py").write_text('"""The front door."""\n')
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "where.md").write_text("# Where is it?\n\nA wish: `podwire.py`.\n")
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    monkeypatch.setattr(tree, "WHERE", tmp_path / "docs" / "where.md")
    return tmp_path


def test_a_module_without_a_row_is_found_and_given_one_from_its_docstring(elsewhere: Path):
    (elsewhere / "cni" / "pool.py").write_text('"""Which address is next."""\n')
    assert Path("cni/pool.py") in tree.without_row()
    tree.write_rows()
    assert tree.rows()["cni/pool.py"] == "Which address is next"
    assert tree.without_row() == []


def test_a_row_without_a_module_is_found(elsewhere: Path):
    (elsewhere / "cni" / "pool.py").write_text('"""Which address is next."""\n')
    tree.write_rows()
    (elsewhere / "cni" / "pool.py").unlink()
    assert tree.without_module() == ["cni/pool.py"]


def test_a_person_s_words_stay_when_the_rows_are_written_anew(elsewhere: Path):
    (elsewhere / "cni" / "pool.py").write_text('"""Which address is next."""\n')
    tree.write_rows()
    where = elsewhere / "docs" / "where.md"
    where.write_text(where.read_text().replace("Which address is next", "the order of addresses"))
    (elsewhere / "cni" / "ledger.py").write_text('"""Who holds it."""\n')
    tree.write_rows()
    assert tree.rows()["cni/pool.py"] == "the order of addresses"
    assert tree.rows()["cni/ledger.py"] == "Who holds it"
    assert where.read_text().startswith("# Where is it?\n\nA wish: `podwire.py`.\n")


def test_a_wish_that_names_a_module_which_is_gone_is_found(elsewhere: Path):
    (elsewhere / "docs" / "where.md").write_text("To change that: `cni/gone.py`.\n")
    assert tree.without_module() == ["cni/gone.py"]


def test_a_cellar_and_a_module_that_is_too_long_are_found(elsewhere: Path):
    (elsewhere / "cni" / "utils.py").write_text("x = 1\n" * (tree.FAILS_LINES + 1))
    assert tree.cellars() == [Path("cni/utils.py")]
    assert tree.too_long() == [(Path("cni/utils.py"), tree.FAILS_LINES + 1)]


def test_a_page_that_nobody_links_to_is_found(elsewhere: Path):
    (elsewhere / "README.md").write_text("[where](docs/where.md#where-is-it)\n")
    (elsewhere / "docs" / "lonely.md").write_text("# Lonely\n")
    assert tree.unlisted() == [Path("docs/lonely.md")]


def test_a_dead_link_is_found_by_file_and_by_heading(elsewhere: Path):
    (elsewhere / "README.md").write_text(
        "# Podwire\n[a](gone.md) [b](#podwire) [c](#nothing) [d](docs/where.md#where-is-it)\n"
    )
    assert tree.dead_links() == [(Path("README.md"), "gone.md"), (Path("README.md"), "#nothing")]
