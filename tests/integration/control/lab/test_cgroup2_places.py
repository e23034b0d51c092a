"""Where cgroup2 is: nowhere, elsewhere, read-only, refused. No variable forces anything; the kernel says it."""

import subprocess
import sys

import pytest

from dataplane.host.cgroup import own_mount
from dataplane.host.untouched import snapshot

pytestmark = pytest.mark.root

LAB = "tdplace"

REFUSE = """
import ctypes, os, platform, struct, sys
# mount(2) without flags, as cgroup2 is mounted, is EPERM from here on, for all that is forked and executed.
mount = {"x86_64": 165, "aarch64": 40}[platform.machine()]
program = [(0x20, 0, 0, 0), (0x15, 0, 3, mount), (0x20, 0, 0, 40), (0x15, 0, 1, 0), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
body = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in program))
head = struct.pack("@HP", len(program), ctypes.addressof(body))
if ctypes.CDLL(None, use_errno=True).prctl(22, 2, ctypes.create_string_buffer(head), 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
"""
TAKE_AWAY = "for place in $(findmnt -rnt cgroup2 -o TARGET); do umount -l $place || exit 1; done"
ELSEWHERE = f"{TAKE_AWAY}; mkdir -p $HOME_OF_TEST/groups && mount -t cgroup2 groups $HOME_OF_TEST/groups"
READ_ONLY = (
    "for place in $(findmnt -rnt cgroup2 -o TARGET); do mount -o remount,ro,bind $place || exit 1; done"
)
LIFE = f"""
set -e
$PODWIRE up --name {LAB} --workers 1
$PODWIRE kubectl --name {LAB} create deployment web --image=x/web --port=80
$PODWIRE kubectl --name {LAB} rollout status deployment/web --timeout=60s
echo GROUPED IN $(findmnt -rnt cgroup2 -o TARGET)
$PODWIRE down --name {LAB}
"""


@pytest.mark.parametrize(
    ("before", "wrapper", "says"),
    [
        (TAKE_AWAY, [], "cgroup2 off: none is mounted, a lab mounts its own"),
        (READ_ONLY, [], "cgroup2 off: none is mounted, a lab mounts its own"),
        (
            TAKE_AWAY,
            [sys.executable, "-c", REFUSE],
            "cgroup2 off: a lab's processes are found by PODWIRE_LAB",
        ),
        (ELSEWHERE, [], ""),
    ],
    ids=["nowhere", "read-only", "refused", "elsewhere"],
)
def test_a_lab_lives_and_leaves_nothing(cli, tmp_path, before, wrapper, says):
    machine = snapshot()
    cli.labs.add(LAB)
    environment = {
        **{key: value for key, value in cli.environment.items() if not key.startswith("PODWIRE_NO")},
        "PODWIRE": f"{sys.executable} -m podwire",
        "HOME_OF_TEST": str(tmp_path),
    }
    words = ["unshare", "-m", "sh", "-c", f'{before} && exec "$@"', "sh", *wrapper, "sh", "-c", LIFE]
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=110)
    assert ran.returncode == 0, ran.stderr
    assert says in " ".join(ran.stderr.split())
    if not says:
        assert "cgroup2 off" not in ran.stderr
        assert f"GROUPED IN {tmp_path}/groups" in ran.stdout
    assert not own_mount(LAB).exists()
    assert cli.left(LAB) == []
    assert machine.differences(snapshot()) == []
