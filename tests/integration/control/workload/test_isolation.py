"""What a container can't do to the machine. Each attempt is made as the container's root."""

import os
import stat
from pathlib import Path

import pytest

from control.workload.request import ExecRequest

pytestmark = pytest.mark.root


async def test_no_device_node_can_be_made(bench):
    made = await bench.shell("mknod /tmp/disk b 254 0")
    assert made.code != 0
    assert "Operation not permitted" in made.err


async def test_a_device_node_on_the_machine_s_files_can_not_be_opened(bench, tmp_path):
    node = Path(f"/var/tmp/podwire-test-{os.getpid()}")
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    try:
        read = await bench.shell(f"head -c 1 {node}")
    finally:
        node.unlink()
    assert read.code != 0
    assert "Permission denied" in read.err


async def test_sysctls_of_the_machine_and_of_the_pod_are_read_only(bench):
    for path in ("/proc/sys/kernel/hostname", "/proc/sys/vm/swappiness", "/proc/sys/net/ipv4/ip_forward"):
        before = Path(path).read_text()
        written = await bench.shell(f"echo 1 > {path}")
        assert written.code != 0
        assert "Read-only file system" in written.err
        assert Path(path).read_text() == before


async def test_sysrq_and_kernel_memory_are_out_of_reach(bench):
    tried = await bench.shell(
        "test -e /proc/sysrq-trigger && ! echo h > /proc/sysrq-trigger; head -c 1 /proc/kcore 2>/dev/null | wc -c"
    )
    assert tried.out.strip() == "0"


async def test_no_cgroup_can_be_seen_or_written(bench):
    tried = await bench.shell("ls /sys/fs/cgroup | wc -l; mkdir /sys/fs/cgroup/mine")
    assert tried.code != 0
    assert tried.out.strip() == "0"


async def test_nothing_can_be_mounted_and_no_namespace_made(bench):
    mounted = await bench.shell("mount -t tmpfs none /mnt")
    assert mounted.code != 0
    made = await bench.shell("unshare --mount true")
    assert "Operation not permitted" in made.err
    made = await bench.shell("unshare --net true")
    assert made.code != 0


async def test_no_process_of_the_machine_can_be_seen_or_signalled(bench):
    seen = await bench.shell(f"ls -d /proc/[0-9]* | wc -l; kill -9 {os.getpid()}")
    assert int(seen.out) < 5
    assert seen.code != 0


async def test_a_file_that_a_container_writes_never_reaches_the_machine(bench):
    name = f"podwire-test-{os.getpid()}"
    places = ["/etc", "/usr/bin", "/var/lib", "/opt", "/", "/tmp", "/root", "/home", "/run", "/dev/shm"]
    wrote = await bench.shell(" && ".join(f"echo x > {place}/{name}" for place in places) + " && echo all")
    assert wrote.out.strip() == "all", wrote.err
    assert [place for place in places if Path(place, name).exists()] == []


async def test_what_is_deleted_in_a_container_stays_on_the_machine(bench):
    gone = await bench.shell("rm -rf /etc/passwd /usr/share; ls /usr/share 2>&1 | wc -l")
    assert gone.code == 0
    assert Path("/etc/passwd").exists()
    assert os.listdir("/usr/share")


async def test_what_a_container_may_write_is_bounded(bench):
    filled = await bench.shell("head -c 20m /dev/zero > /big; wc -c < /big", upper_bytes=8 * 1024 * 1024)
    assert int(filled.out) <= 8 * 1024 * 1024


async def test_homes_keys_and_run_time_sockets_are_not_there(bench):
    (bench.home / "secret").write_text("key")
    seen = await bench.shell(f"ls -A /root /home; ls -A /run; cat {bench.home}/secret")
    assert seen.code != 0
    assert "key" not in seen.out
    assert bench.client.connected
    assert "zygote.sock" not in seen.out


async def test_the_capabilities_are_containerd_s_without_mknod_and_sys_chroot(bench):
    seen = await bench.shell("grep -E 'Cap(Eff|Prm|Bnd|Amb)' /proc/self/status")
    assert {line.split()[0]: line.split()[1] for line in seen.out.splitlines()} == {
        "CapPrm:": "00000000a00025fb",  # CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP
        "CapEff:": "00000000a00025fb",  # NET_BIND_SERVICE NET_RAW AUDIT_WRITE SETFCAP
        "CapBnd:": "00000000a00025fb",
        "CapAmb:": "0000000000000000",
    }


async def test_dropped_capabilities_are_gone_for_good(bench):
    seen = await bench.shell("grep Cap /proc/self/status; chown 1 /tmp", capabilities=())
    assert "CapBnd:\t0000000000000000" in seen.out
    assert seen.code != 0


async def test_no_new_privileges_keeps_setuid_programs_harmless(bench):
    seen = await bench.shell("grep NoNewPrivs /proc/self/status", user=1000, group=1000, no_new_privs=True)
    assert seen.out.split() == ["NoNewPrivs:", "1"]


async def test_only_harmless_devices_are_there(bench):
    seen = await bench.shell(
        "find /dev -type b -o -type c | sort; echo x > /dev/null; head -c 1 /dev/zero | wc -c"
    )
    assert seen.out.split() == [
        *(f"/dev/{name}" for name in ("full", "null", "pts/ptmx", "random", "tty", "urandom", "zero")),
        "1",
    ]


async def test_a_read_only_root_takes_nothing(bench):
    tried = await bench.shell("touch /etc/x", read_only_root=True)
    assert tried.code != 0
    assert "Read-only file system" in tried.err


async def test_a_link_in_a_volume_does_not_lead_a_subpath_out_of_it(bench, tmp_path):
    (tmp_path / "trap").symlink_to("/etc")
    request = bench.request("ls", "/data", volumes=((str(tmp_path), "/data", "rw", "trap"),))
    with pytest.raises(Exception, match="symbolic link"):
        await bench.start(request)


async def test_the_container_s_mounts_do_not_pin_other_namespaces(bench):
    seen = await bench.shell("grep -c nsfs /proc/self/mountinfo")
    assert seen.out.strip() == "0"


async def test_a_user_namespace_that_would_give_every_capability_can_not_be_made(bench):
    for user in (0, 1000):
        made = await bench.shell("unshare --user --map-root-user true", user=user, group=user)
        assert made.code != 0
        assert "Operation not permitted" in made.err


async def test_clone_makes_no_namespaces_either_and_threads_and_forks_still_work(bench):
    script = (
        "import ctypes, os, threading\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "clone = 56 if os.uname().machine == 'x86_64' else 220\n"
        "libc.syscall(ctypes.c_long(clone), ctypes.c_ulong(0x10000000 | 17), 0, 0, 0, 0)\n"
        "print(ctypes.get_errno(), flush=True)\n"
        "thread = threading.Thread(target=lambda: print('thread', flush=True))\n"
        "thread.start(); thread.join()\n"
        "os.system('echo child')\n"
    )
    seen = await bench.run("python3", "-c", script)
    assert seen.out.split() == ["1", "thread", "child"], seen.err


async def test_commands_of_an_exec_are_filtered_too(bench):
    request = bench.request("sleep", "1000")
    await bench.start(request)
    null = os.open("/dev/null", os.O_RDWR)
    ended = await bench.client.exec(ExecRequest("u", request.id, ("unshare", "--user", "true")), [null] * 3)
    os.close(null)
    assert await ended != 0
