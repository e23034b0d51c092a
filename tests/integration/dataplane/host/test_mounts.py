"""A mount table of one's own, where the machine's mounts are shared as systemd makes them."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.root

SHARED_RUN = """
import os, sys
from dataplane.host import mounts, process

place = sys.argv[1]
SHARED = 1 << 20
process.unshare(process.CLONE_NEWNS)
mounts.make_private()
mounts.mount("tmpfs", place, "tmpfs", 0)
mounts.mount("", place, "", SHARED)
os.mkdir(f"{place}/netns")
mounts.mount(f"{place}/netns", f"{place}/netns", "", mounts.BIND)  # in the peer group of its parent
open(f"{place}/netns/name", "w").close()
mounts.mount("/proc/self/ns/net", f"{place}/netns/name", "", mounts.BIND)


def there():
    return [entry.path.removeprefix(place) for entry in mounts.mount_table() if entry.path.startswith(place)]


print(there())
process.unshare(process.CLONE_NEWNS)
mounts.make_private()
mounts.detach_below(place)
print(there())
"""


def test_a_namespaces_name_that_is_bound_twice_where_run_is_shared_is_detached_with_what_hides_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SHARED_RUN, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=os.getcwd(),
    )
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.splitlines()
    assert before == "['', '/netns', '/netns/name', '/netns/name']"
    assert after == "[]"
