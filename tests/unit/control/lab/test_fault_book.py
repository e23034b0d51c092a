"""The record of faults."""

from pathlib import Path

import pytest

from control.errors import NoSuchPlace
from control.lab.directory import LabDirectory
from control.lab.fault import Fault
from control.lab.fault_book import Entry, heal_places, in_force, recorded
from dataplane.faults.act import LinkDown


def test_without_a_record_there_is_none(tmp_path: Path):
    directory = LabDirectory("t", tmp_path)
    assert recorded(directory) == in_force(directory) == []


@pytest.mark.parametrize("text", ["", "nonsense", "[{}]", "{}", '[{"id": "f1", "fault": {"kind": "cut"}}]'])
def test_a_record_that_makes_no_sense_is_none(tmp_path: Path, text: str):
    directory = LabDirectory("t", tmp_path)
    directory.faults.write_text(text)
    assert recorded(directory) == []


def test_an_entry_is_the_same_after_the_record():
    entry = Entry("f1", Fault("cut", ("node-1",)), 1.5, (LinkDown("ns", "node-1"),))
    assert Entry.from_json(entry.as_json()) == entry


def test_healing_what_is_whole_says_what_there_is(tmp_path: Path):
    with pytest.raises(NoSuchPlace, match="in force: none"):
        heal_places(LabDirectory("t", tmp_path), ["node-1"])
