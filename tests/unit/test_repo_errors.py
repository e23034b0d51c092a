"""docs/errors.md is what the source says, and each identity is raised somewhere."""

from pathlib import Path

import pytest

from scripts import errors_page


def test_the_page_is_what_the_source_says():
    as_it_is = errors_page.PAGE.read_text() == errors_page.page()
    assert as_it_is, "docs/errors.md is stale: python -m scripts.errors_page"


def test_every_identity_is_raised_somewhere():
    assert errors_page.never_raised() == []


def test_an_identity_belongs_to_one_class_at_most():
    twice = {identity: sorted(entry.classes) for identity, entry in errors_page.entries().items()}
    assert {identity: classes for identity, classes in twice.items() if len(classes) > 1} == {}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One module of source, alone in its tree."""
    monkeypatch.setattr(errors_page, "ROOT", tmp_path)
    monkeypatch.setattr(errors_page, "modules", lambda: [Path("one.py")])
    return tmp_path / "one.py"


def test_a_class_is_raised_when_one_that_inherits_from_it_is(source: Path):
    source.write_text(
        'class Base(Exception):\n    """Base."""\n    id = "PW-K01"\n'
        'class Leaf(Base):\n    """Leaf."""\n    id = "PW-K02"\n'
        'class Lonely(Base):\n    """Lonely."""\n    id = "PW-K03"\n'
        "def fail():\n    raise Leaf()\n"
    )
    assert errors_page.never_raised() == ["PW-K03"]


def test_a_saying_keeps_its_words_and_shows_what_is_filled_in(source: Path):
    source.write_text(
        'class PersonError(Exception):\n    """Base."""\n'
        'class PoolFull(PersonError):\n    """Full."""\n    id = "PW-L02"\n'
        'raise PoolFull(f"{node}: no room", mend="podwire node add")\n'
    )
    assert errors_page.entries()["PW-L02"].sayings == [("<node>: no room", "podwire node add")]
