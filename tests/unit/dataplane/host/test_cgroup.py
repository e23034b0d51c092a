"""Where the machine keeps cgroup2, read from its mount table."""

from pathlib import Path

import pytest

from dataplane.errors import NoCgroup2
from dataplane.host.cgroup import cgroup2_root

HYBRID = """tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
"""
UNIFIED = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n"
SPACED = "none /mnt/my\\040groups cgroup2 rw 0 0\n"


@pytest.mark.parametrize(
    ("mounts", "root"),
    [(HYBRID, "/sys/fs/cgroup/unified"), (UNIFIED, "/sys/fs/cgroup"), (SPACED, "/mnt/my groups")],
)
def test_cgroup2_is_found_alone_and_beside_version_1(tmp_path, mounts, root):
    (tmp_path / "mounts").write_text(mounts)

    assert cgroup2_root(tmp_path / "mounts") == Path(root)


def test_one_that_can_t_be_written_is_passed_over(tmp_path):
    both = "cgroup /sys/fs/cgroup cgroup2 ro,nosuid 0 0\ngroups /mnt/groups cgroup2 rw 0 0\n"
    (tmp_path / "mounts").write_text(both)
    assert cgroup2_root(tmp_path / "mounts") == Path("/mnt/groups")


def test_a_machine_without_cgroup2_is_told_how_to_mount_it(tmp_path):
    (tmp_path / "mounts").write_text("cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n")

    with pytest.raises(NoCgroup2) as missing:
        cgroup2_root(tmp_path / "mounts")

    assert "mount -t cgroup2" in missing.value.mend
