"""What a process of a lab does to itself beside dataplane.host.process: orphans, its log, its memory."""

import ctypes
import os
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Children of dead children become this process's (PR_SET_CHILD_SUBREAPER)."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def log_to(path: Path) -> None:
    """Standard output and error of this process go to a file; standard input is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The directory is the caller's: root never writes through a link that lies there.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    owner = path.parent.stat()
    os.fchown(descriptor, owner.st_uid, owner.st_gid)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(null)
    os.close(descriptor)


def proportional_bytes(pid: int) -> int:
    """PSS of a process: its private memory and its share of what it shares; 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
