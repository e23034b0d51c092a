"""Where every mount is shared, as systemd leaves them at boot: /run/netns is then bound onto its own peer group."""

import os
import subprocess
import sys

import pytest

from dataplane.host.cgroup import labs_with_cgroup

pytestmark = pytest.mark.root

# A mount namespace of the test's own stands for such a machine; a fresh /run hides the namespaces of other labs.
BOOTED_BY_SYSTEMD = """
mount --make-rshared /
mount -t tmpfs -o mode=755 run /run
mount --make-shared /run
podwire() { "$PYTHON" -m podwire "$@"; }
trap 'podwire down --name tvshared' EXIT
set -e
podwire up --name tvshared --workers 1
podwire verify --name tvshared
podwire down --name tvshared
[ -z "$(ls -A /run/netns)" ]
! grep -q "tvshared" /proc/self/mountinfo
echo "nothing left"
"""


def test_a_lab_comes_up_is_verified_and_goes(tmp_path):
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", BOOTED_BY_SYSTEMD],
        env={**os.environ, "PYTHON": sys.executable, "PODWIRE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 mismatches" in done.stdout
    assert "nothing left" in done.stdout
    assert "tvshared" not in labs_with_cgroup()
