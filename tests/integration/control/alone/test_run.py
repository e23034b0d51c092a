"""`podwire api` as a person runs it: ready, beside others, ended in each way there is, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from control.client.resources import CONFIGMAPS, DEPLOYMENTS, JOBS, NODES, PODS
from control.testkit.client import TestClient
from control.testkit.kube_api import KubeApi
from control.testkit.until import until

PODWIRE = (sys.executable, "-I", "-m", "podwire", "api")
LIMIT_S = 30


@dataclass
class Served:
    """A `podwire api` under way."""

    process: subprocess.Popen[str]
    said: dict[str, Any]

    @property
    def client(self) -> TestClient:
        return KubeApi(self.said["port"], Path(self.said["data"]) / "kubeconfig", self.process.pid).client()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(LIMIT_S)


Serve = Callable[..., Served]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With a temporary directory of this test's own, so that what is left in it is seen."""
    (tmp_path / "tmp").mkdir()
    return {**os.environ, "TMPDIR": str(tmp_path / "tmp")}


@pytest.fixture
def serve(environment: dict[str, str]) -> Iterator[Serve]:
    """``serve("--port", "0")``: an API that has said that it is ready."""
    started: list[subprocess.Popen[str]] = []

    def one(*words: str) -> Served:
        # A background shell may have had Ctrl-C ignored, and children inherit that.
        command = ("env", "--default-signal=INT", *PODWIRE, "-o", "json", *words)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout is not None
        return Served(process, json.loads(process.stdout.readline()))

    yield one
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def say(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*PODWIRE, *words), capture_output=True, text=True, env=environment, timeout=LIMIT_S, check=False
    )


def left(environment: dict[str, str]) -> list[str]:
    return [path.name for path in Path(environment["TMPDIR"]).rglob("*")]


def config(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def workload(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    template: dict[str, Any] = {"spec": {"containers": [{"name": "main", "image": "shop/web:1"}]}}
    if kind == "Deployment":
        template["metadata"] = {"labels": {"app": name}}
        spec |= {"selector": {"matchLabels": {"app": name}}}
    else:
        template["spec"]["restartPolicy"] = "Never"
    group = "apps/v1" if kind == "Deployment" else "batch/v1"
    return {
        "apiVersion": group,
        "kind": kind,
        "metadata": {"name": name},
        "spec": {**spec, "template": template},
    }


def test_it_says_in_one_line_where_it_is_and_its_kubeconfig_is_private(environment: dict[str, str]) -> None:
    command = ("env", "--default-signal=INT", *PODWIRE)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        path = Path(line.rstrip().rpartition("export KUBECONFIG=")[2])
        mode = path.stat().st_mode & 0o777
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert line.startswith("Kubernetes API at https://127.0.0.1:")
    assert mode == 0o600
    assert (process.returncode, rest) == (0, "")
    assert left(environment) == []


def test_several_stand_side_by_side_and_know_nothing_of_each_other(serve: Serve) -> None:
    one, other = serve(), serve()
    one.client.create(config("mine"), "default")
    assert other.client.find(CONFIGMAPS, "mine", "default") is None
    assert one.client.find(CONFIGMAPS, "mine", "default") is not None


def test_deployments_roll_out_and_jobs_end_on_pretended_nodes(serve: Serve) -> None:
    client = serve("--fake-nodes", "2").client
    assert [node["metadata"]["name"] for node in client.list(NODES)] == ["fake-1", "fake-2"]
    client.create(workload("Deployment", "web", replicas=3), "default")
    client.create(workload("Job", "once"), "default")

    def rolled_out() -> bool:
        status = client.get(DEPLOYMENTS, "web", "default").get("status") or {}
        return status.get("availableReplicas") == 3

    until(rolled_out, LIMIT_S, what="three replicas are available")
    until(
        lambda: (client.get(JOBS, "once", "default").get("status") or {}).get("succeeded") == 1,
        LIMIT_S,
        what="the job's pod has succeeded",
    )
    client.delete(DEPLOYMENTS, "web", "default")
    until(lambda: len(client.list(PODS, "default")) == 1, LIMIT_S, what="the deployment's pods are gone")


def test_a_deleted_pod_takes_its_time_within_its_grace(serve: Serve) -> None:
    client = serve("--fake-nodes", "1").client
    spec = {"containers": [{"name": "main", "image": "a:1"}]}
    slow = {"podwire.dev/stop-after": "3600"}
    for name, notes in (("quick", {}), ("slow", slow)):
        meta = {"name": name, "annotations": notes}
        client.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}, "default")
    until(
        lambda: all(pod["status"]["phase"] == "Running" for pod in client.list(PODS, "default")),
        LIMIT_S,
        what="both run",
    )
    client.delete(PODS, "slow", "default", grace_s=3000)
    client.delete(PODS, "quick", "default")
    until(
        lambda: [pod["metadata"]["name"] for pod in client.list(PODS, "default")] == ["slow"],
        LIMIT_S,
        what="the quick one is gone, the slow one terminates",
    )
    assert client.get(PODS, "slow", "default")["metadata"]["deletionTimestamp"]
    client.delete(PODS, "slow", "default", grace_s=0)
    until(lambda: client.list(PODS, "default") == [], LIMIT_S, what="a shorter grace ends it")


def test_logs_of_pretended_pods_are_refused(serve: Serve) -> None:
    client = serve("--fake-nodes", "1").client
    spec = {"containers": [{"name": "main", "image": "a:1"}]}
    client.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}, "default")
    until(lambda: client.get(PODS, "p", "default")["status"]["phase"] == "Running", LIMIT_S, what="it runs")
    with pytest.raises(Exception, match="no route to host"):
        client.request("GET", PODS.path("default", "p") + "/log")


def test_without_controllers_nothing_is_done_and_pods_need_no_account(serve: Serve) -> None:
    client = serve("--no-controllers").client
    spec = {"containers": [{"name": "main", "image": "a:1"}]}
    made = client.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}, "default"
    )
    assert not made["spec"].get("serviceAccountName")
    assert client.list(NODES) == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_ended_as_asked_it_leaves_nothing(
    serve: Serve, environment: dict[str, str], tmp_path: Path, how: signal.Signals
) -> None:
    copy = tmp_path / "kubeconfig"
    served = serve("--kubeconfig", str(copy), "--fake-nodes", "1")
    assert served.said["kubeconfig"] == str(copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert served.end(how) == 0
    assert left(environment) == []
    assert not copy.exists()


def test_what_a_killed_one_left_is_removed_by_the_next(serve: Serve, environment: dict[str, str]) -> None:
    killed = serve()
    killed.end(signal.SIGKILL)
    assert Path(killed.said["data"]).exists()
    served = serve()
    assert not Path(killed.said["data"]).exists()
    assert served.end() == 0
    assert left(environment) == []


def test_a_kept_one_has_its_objects_and_its_port_again(serve: Serve, tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = serve("--data", str(data))
    first.client.create(config("kept"), "default")
    kubeconfig = (data / "kubeconfig").read_text()
    assert first.end(signal.SIGKILL) != 0
    again = serve("--data", str(data))
    assert again.client.find(CONFIGMAPS, "kept", "default") is not None
    assert (data / "kubeconfig").read_text() == kubeconfig
    assert again.end() == 0
    assert (data / "objects.sqlite").exists()


def test_a_command_finds_the_api_and_its_exit_code_is_ours(environment: dict[str, str]) -> None:
    script = "import os; print(open(os.environ['KUBECONFIG']).read()); raise SystemExit(7)"
    done = say(environment, "--", sys.executable, "-c", script)
    assert done.returncode == 7
    assert "current-context: podwire-api" in done.stdout
    assert "Kubernetes API at" in done.stderr, "standard output is the command's own"
    assert left(environment) == []


def test_a_command_that_a_signal_ended_counts_as_in_a_shell(environment: dict[str, str]) -> None:
    assert say(environment, "--", "sh", "-c", "kill -9 $$").returncode == 128 + 9


def test_a_command_does_not_outlive_a_killed_api(environment: dict[str, str]) -> None:
    command = (*PODWIRE, "--", "sh", "-c", "echo $$; exec sleep 1000")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        descriptor = os.pidfd_open(child)
        process.kill()
        # Its standard output ends when the last process that has it is gone.
        assert process.stdout.read() == ""
    os.close(descriptor)
    assert not Path(f"/proc/{child}").exists() or " Z " in Path(f"/proc/{child}/stat").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--", "no-such-command"), "no-such-command"),
        (("--kubeconfig", "/etc/hostname"), "/etc/hostname"),
        (("--kubeconfig", "/nowhere/at/all"), "/nowhere/at/all"),
        (("--data", "/etc"), "/etc"),
        (("--data", "/proc/nothing"), "/proc/nothing"),
        (("--fake-nodes", "1001"), "1001"),
        (("--port", "65536"), "65536"),
    ],
)
def test_bad_use_is_told_with_its_mend(
    environment: dict[str, str], words: tuple[str, ...], said: str
) -> None:
    done = say(environment, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "try " in done.stderr or "Usage:" in done.stderr
    assert left(environment) == []


def test_a_port_or_a_directory_that_is_taken_is_named(
    serve: Serve, environment: dict[str, str], tmp_path: Path
) -> None:
    served = serve("--data", str(tmp_path / "data"))
    port = say(environment, "--port", str(served.said["port"]))
    assert (port.returncode, str(served.said["port"]) in port.stderr) == (1, True)
    data = say(environment, "--data", str(tmp_path / "data"))
    assert (data.returncode, "Another API" in data.stderr) == (2, True)
    assert "Traceback" not in port.stderr + data.stderr


def test_it_loads_nothing_that_programs_a_kernel() -> None:
    script = (
        "import control.cli.main, control.cli.api_command, control.alone.run, control.alone.nursery, sys\n"
        "import control.testkit.kube_api\n"
        "print(*(m for m in sys.modules if m.split('.')[0] in ('pyroute2', 'bcc', 'scapy', 'netaddr', 'cni', 'policy')"
        " or m.startswith('dataplane.') and m.split('.')[1] not in ('model', 'errors', 'patience')))"
    )
    done = subprocess.run(
        (sys.executable, "-I", "-c", script), capture_output=True, text=True, check=True, timeout=LIMIT_S
    )
    assert set(done.stdout.split()) <= {"dataplane.host", "dataplane.host.process"}


@pytest.mark.parametrize(
    ("spoilt", "said"), [("objects.sqlite", "can't be stored"), ("pki/ca.crt", "can't be read")]
)
def test_a_directory_that_was_spoilt_is_named_with_the_mend(serve, environment, tmp_path, spoilt, said):
    kept = tmp_path / "kept"
    serve("--data", str(kept)).end()
    (kept / spoilt).write_bytes(b"spoilt" * 1000)

    command = [*PODWIRE, "--data", str(kept), "--", "true"]
    told = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=LIMIT_S
    )

    assert (told.returncode, told.stdout) == (1, "")
    assert said in told.stderr
    assert str(kept) in told.stderr
    assert "try" in told.stderr
    assert "Traceback" not in told.stderr


def test_standard_output_may_be_closed(environment):
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *PODWIRE, "--", "true"]
    told = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert told.returncode == 0, told.stderr
