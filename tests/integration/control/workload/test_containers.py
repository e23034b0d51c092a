"""A container as its command finds it, and as its agent sees it live and end."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from control.workload.request import ExecRequest
from control.workload.runtime import RuntimeFailed

pytestmark = pytest.mark.root


async def test_the_pod_s_name_files_and_environment_are_the_container_s(bench):
    files = (("/etc/resolv.conf", "nameserver 10.96.0.10\n"), ("/etc/hosts", "10.0.0.1 web-0\n"))
    seen = await bench.shell(
        "hostname; cat /etc/resolv.conf /etc/hosts; echo $GREETING $HOME; pwd",
        files=files,
        env=("GREETING=hello there",),
        cwd="/srv/app",
    )
    assert seen.out.splitlines() == [
        "web-0", "nameserver 10.96.0.10", "10.0.0.1 web-0", "hello there /root", "/srv/app",
    ]  # fmt: skip


async def test_containers_of_a_pod_share_network_uts_and_ipc_and_nothing_else(bench, tmp_path):
    # Both at once: the numbers of namespaces that are gone are given again.
    script = "for n in net uts ipc mnt pid; do readlink /proc/self/ns/$n; done; touch /d/$1; until [ -e /d/$2 ]; do sleep 0.01; done"
    volumes = ((str(tmp_path), "/d", "rw", ""),)
    one, two = await asyncio.gather(
        bench.run("sh", "-c", script, "-", "1", "2", volumes=volumes),
        bench.run("sh", "-c", script, "-", "2", "1", volumes=volumes),
    )
    first, second = one.out.split(), two.out.split()
    assert first[:3] == second[:3]
    assert all(a != b for a, b in zip(first[3:], second[3:], strict=True))
    ours = [os.readlink(f"/proc/self/ns/{name}") for name in ("net", "uts", "ipc", "mnt", "pid")]
    assert not set(ours) & set(first)


async def test_the_first_process_of_a_container_is_its_command(bench):
    seen = await bench.shell("echo $$; tr '\\0' ' ' < /proc/1/cmdline")
    assert seen.out.startswith("1\nsh -c echo")


async def test_a_volume_is_shared_and_read_only_where_asked(bench, tmp_path):
    wrote = await bench.shell("echo one > /data/x", volumes=((str(tmp_path), "/data", "rw", ""),))
    assert wrote.code == 0, wrote.err
    read = await bench.shell("cat /in/x; echo two > /in/x", volumes=((str(tmp_path), "/in", "ro", ""),))
    assert read.out == "one\n"
    assert "Read-only file system" in read.err
    assert (tmp_path / "x").read_text() == "one\n"


async def test_memory_volumes_are_shared_bounded_and_gone_with_the_pod(bench):
    place = bench.home / "mem"
    place.mkdir()
    await bench.client.tmpfs(bench.uid, str(place), 1024 * 1024)
    volumes = ((str(place), "/mem", "rw", ""),)
    wrote = await bench.shell("echo shared > /mem/x; head -c 4m /dev/zero > /mem/big", volumes=volumes)
    assert "No space left" in wrote.err
    assert (await bench.shell("cat /mem/x", volumes=volumes)).out == "shared\n"
    assert list(place.iterdir()) == []  # the mount is the zygote's own; the machine never sees it


async def test_exit_codes_and_signals_are_told(bench):
    assert (await bench.shell("exit 7")).code == 7
    request = bench.request("sleep", "1000")
    await bench.start(request)
    await bench.client.kill(request.id, signal.SIGKILL)
    record = await bench.ended(request.id)
    assert (record.exit_code, record.signal) == (137, signal.SIGKILL)


async def test_a_missing_command_of_a_known_base_is_a_start_error_as_runc_words_it(bench):
    with pytest.raises(RuntimeFailed, match='exec: "nosuch": executable file not found in \\$PATH') as caught:
        await bench.start(bench.request("nosuch", known_base=True))
    assert caught.value.reason == "StartError"


async def test_a_missing_command_of_another_image_becomes_a_stand_in(bench):
    handle = await bench.start(
        bench.request("/app/server", known_base=False, standin=(await _plan()).to_text())
    )
    assert handle.record.runs == "standin"


async def _plan():
    from control.workload.standin.plan import StandInPlan

    return StandInPlan("web-0", "shop", "node-1", "c", "shop:1")


async def test_a_command_runs_inside_a_running_container(bench):
    request = bench.request("sleep", "1000", env=("COLOUR=green",))
    await bench.start(request)
    read, write = os.pipe()
    ended = await bench.client.exec(
        ExecRequest("e1", request.id, ("sh", "-c", "echo $COLOUR; ps ax | grep -c 'sleep 1000'; exit 4")),
        [os.open("/dev/null", os.O_RDONLY), write, write],
    )
    os.close(write)
    assert await ended == 4
    assert os.read(read, 1000).decode().splitlines()[0] == "green"
    with pytest.raises(RuntimeFailed, match='exec: "nosuch": executable file not found'):
        await bench.client.exec(ExecRequest("e2", request.id, ("nosuch",)), [1, 1, 1])


async def test_uid_1000_runs_our_code_from_a_checkout_under_a_home_of_mode_0700(bench, home):
    """The zygote's own code, imported late in the container, from a copy that only root can reach."""
    checkout = home / "checkout"
    source = Path(__file__).resolve().parents[4]
    for package in ("control", "dataplane", "policy", "cni"):
        shutil.copytree(source / package, checkout / package)
    (checkout / "control" / "workload" / "probe_of_test.py").write_text(
        "import os\n"
        "def main(argv, environment):\n"
        "    import control.workload.standin.callers as late\n"
        "    print(os.getuid(), late.__file__, flush=True)\n"
        "    return 0\n"
    )
    socket_path = home / "second.sock"
    serve = (
        "import sys; sys.path.insert(0, sys.argv[3])\n"
        "from control.workload.request import ZygoteConfig\nimport control.workload.zygote as z\n"
        "z._WARM = ('control.workload.standin.main',)\n"
        "z.serve(ZygoteConfig(sys.argv[1], sys.argv[2]))\n"
    )
    process = subprocess.Popen(  # noqa: ASYNC220 (a second zygote)
        [sys.executable, "-c", serve, str(socket_path), str(home), str(checkout)], cwd=str(checkout)
    )
    first, bench.client = bench.client, type(bench.client)(str(socket_path))
    try:
        await bench.client.connect(20.0)
        bench.client.on_exit = bench.hear
        await bench.client.subscribe("node-1")
        await bench.sandbox()
        seen = await bench.run(
            module="control.workload.probe_of_test", known_base=False, user=1000, group=1000
        )
    finally:
        bench.client.close()
        bench.client = first
        process.terminate()
        process.wait(10)
    assert seen.out.split() == ["1000", "/run/podwire/python/src/control/workload/standin/callers.py"], (
        seen.err
    )


async def test_another_user_may_open_its_standard_output_again(bench):
    seen = await bench.shell(
        "echo again > /dev/stdout; id -u; id -G", user=1000, group=1000, groups=(1000, 2000)
    )
    assert seen.out.split() == ["again", "1000", "1000", "2000"], seen.err


async def test_the_zygote_forgets_and_frees_what_is_removed(bench):
    before = len(os.listdir(f"/proc/{bench.process.pid}/fd"))
    for _ in range(5):
        await bench.shell("true")
    assert len(os.listdir(f"/proc/{bench.process.pid}/fd")) == before
    children = Path(f"/proc/{bench.process.pid}/task/{bench.process.pid}/children").read_text()
    assert children == ""


async def test_removing_a_pod_kills_everything_in_it_and_its_cgroup(bench):
    request = bench.request("sh", "-c", "sleep 1000 & sleep 1000 & wait")
    await bench.start(request)
    await bench.client.remove_pod(bench.uid)
    assert (await bench.ended(request.id)).exit_code == 137
    assert not (bench.cgroup / bench.uid).exists()
    assert await bench.client.inventory("node-1") == ([], [])


async def test_a_new_agent_learns_what_runs_what_ended_and_loses_no_output(bench):
    running, ended = (
        bench.request("sh", "-c", "echo early; exec sleep 1000"),
        bench.request("sh", "-c", "exit 3"),
    )
    for request in (running, ended):
        await bench.start(request)
    await bench.ended(ended.id)
    other = type(bench.client)(bench.client._path)
    await other.connect()
    try:
        sandboxes, records = await other.inventory("node-1")
        assert [sandbox.hostname for sandbox in sandboxes] == ["web-0"]
        assert {r.id: r.exit_code for r in records} == {running.id: None, ended.id: 3}
        streams = await other.streams(running.id)
        assert await asyncio.to_thread(os.read, streams.stdout, 100) == b"early\n"
    finally:
        other.close()


async def test_the_zygote_holds_no_other_network_namespace(bench):
    mounted = Path(f"/proc/{bench.process.pid}/mountinfo").read_text()
    assert "nsfs" not in mounted
    held = {
        os.readlink(f"/proc/{bench.process.pid}/fd/{fd}")
        for fd in os.listdir(f"/proc/{bench.process.pid}/fd")
    }
    pod = os.stat(f"/run/netns/{bench.netns}").st_ino
    assert f"net:[{pod}]" not in held
