"""What a capture needs of the machine."""

import errno
from pathlib import Path

import pytest

from control.errors import CaptureStopped, OutputInvalid
from control.explain.room import check_room, writing
from dataplane.observe.recorder import Limits, Recorder


@pytest.fixture
def meminfo(tmp_path) -> Path:
    """A machine with 4 GB to give."""
    file = tmp_path / "meminfo"
    file.write_text("MemTotal: 9000000 kB\nMemFree: 1 kB\nMemAvailable: 4194304 kB\n")
    return file


def test_rings_may_take_a_quarter_of_what_is_free(meminfo):
    check_room(64, 16, meminfo)
    with pytest.raises(OutputInvalid) as refused:
        check_room(65, 16, meminfo)
    assert "1024 MB" in refused.value.what
    assert refused.value.mend == "--buffer 15"


def test_where_no_buffer_is_small_enough_places_are_too_many(meminfo):
    with pytest.raises(OutputInvalid) as refused:
        check_room(600, 2, meminfo)
    assert refused.value.mend == "fewer places"


def _recorder(path: Path) -> Recorder:
    return Recorder(path, [], {}, lambda _frame: "", Limits())


def test_a_file_that_cannot_be_made_is_bad_use(tmp_path):
    recorder = _recorder(tmp_path / "nowhere" / "x.pcapng")
    with pytest.raises(OutputInvalid) as refused, writing(recorder):
        recorder.open()
    assert "No such file or directory" in refused.value.what


def test_a_full_disk_says_what_is_left_of_the_capture():
    recorder = _recorder(Path("/dev/full"))
    with pytest.raises(CaptureStopped) as stopped, writing(recorder):
        recorder.open()
    assert "No space left" in stopped.value.what


def test_a_reader_that_went_is_no_error_of_a_file(tmp_path):
    with pytest.raises(BrokenPipeError), writing(_recorder(tmp_path / "x.pcapng")):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
