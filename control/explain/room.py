"""What a capture needs of the machine: memory for its rings, and a file that takes what they bring."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control.errors import CaptureStopped, OutputInvalid
from dataplane.observe.recorder import Recorder

_MEMINFO = Path("/proc/meminfo")
_PART = 4
"""Of the memory that is available, what rings may take: the kernel locks it, and no limit of ours would stop it
from ending other programs for it.
"""


def check_room(places: int, buffer_mb: int, meminfo: Path = _MEMINFO) -> None:
    """Raises OutputInvalid when that many rings of that size would take more than a part of the free memory."""
    available = next(line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable:"))
    most_mb = int(available.split()[1]) // 1024 // _PART
    if places * buffer_mb <= most_mb:
        return
    each = most_mb // places
    mend = f"--buffer {each}" if each >= 2 else "fewer places"
    raise OutputInvalid(
        f"{places} buffers of {buffer_mb} MB are more than a quarter of the memory that is free ({most_mb} MB).",
        mend,
    )


@contextmanager
def writing(recorder: Recorder) -> Iterator[None]:
    """Errors of a capture's file by name: OutputInvalid where it can't be made, CaptureStopped where it got full."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        said = f"{recorder.path}: {error.strerror}."
        if not recorder.written:
            raise OutputInvalid(said, "-w FILE.pcapng in a directory that can be written") from error
        raise CaptureStopped(f"{said} What was written until then can be read.", "df -h") from error
