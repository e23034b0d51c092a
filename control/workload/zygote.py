"""The warm process that containers are forked from; one a lab, single-threaded, without a loop library.

It answers requests on a unix socket (``channel``), is the parent of every container, and tells agents how each
ended. Agents come and go; what runs goes on, and ``list`` tells a new agent what that is.
"""

import gc
import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from control.workload import container as child
from control.workload.machine import Machine, prepare
from control.workload.nursery import Birth, Nursery
from control.workload.peers import Peer, Peers
from control.workload.pods import Container, Pod
from control.workload.request import ContainerRequest, ExecRequest, SandboxRequest, ZygoteConfig
from control.workload.sandbox import SandboxMaker
from control.workload.streams import Console, standard_streams
from dataplane.errors import KernelError
from dataplane.host import mounts, process

_WARM = (
    "control.workload.standin.main",
    "control.workload.standin.http",
    "control.workload.standin.http2",
    "control.workload.standin.callers",
    "control.dns.server",
)


class Refused(Exception):
    """A request that can't be met; its text goes back as the answer."""


def serve(config: ZygoteConfig, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or the owner's death. The calling process is changed for good: fork for it first.

    ready: called once requests are answered. SIGTERM ends the containers too; they outlive a SIGKILL: agents end
    them by their pods' cgroups, and so does the next zygote when it makes the pod's sandbox anew.
    """
    if config.owner_pid:
        process.die_with_parent(signal.SIGKILL)
        if os.getppid() != config.owner_pid:
            return
    listener = _listen(config.socket_path)
    for name in _WARM:
        try:
            __import__(name)
        except ModuleNotFoundError:  # a lab without that part
            continue
    machine = prepare(config.home)
    gc.collect()
    gc.freeze()
    zygote = Zygote(listener, machine, config.upper_bytes)
    ready()
    try:
        zygote.run()
    finally:
        zygote.kill_all()
        Path(config.socket_path).unlink(missing_ok=True)


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    Path(path).unlink(missing_ok=True)
    mask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(mask)
    listener.listen(64)
    listener.setblocking(False)
    return listener


class Zygote:
    """Owns the listener, the children, and the sandboxes' descriptors."""

    def __init__(self, listener: socket.socket, machine: Machine, upper_bytes: int) -> None:
        self._machine = machine
        self._upper_bytes = upper_bytes
        self._epoll = select.epoll()
        self._peers = Peers(listener, self._epoll, self._answer)
        self._pods: dict[str, Pod] = {}
        self._execs: dict[str, int] = {}
        self._nursery = Nursery(self._epoll)
        self._sandboxes = SandboxMaker()
        self._null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self._stopping = False
        self._work: dict[str, Callable[[Peer, dict[str, Any], list[int]], dict[str, Any] | None]] = {
            "subscribe": self._subscribe,
            "sandbox": self._sandbox,
            "start": self._start,
            "exec": self._exec,
            "signal_exec": self._signal_exec,
            "signal": self._signal,
            "remove": self._remove,
            "remove_pod": self._remove_pod,
            "list": self._list,
            "streams": self._streams,
            "tmpfs": self._tmpfs,
        }

    def run(self) -> None:
        """Until SIGTERM."""
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the terminal is the supervisor's to handle
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._epoll.register(woken, select.EPOLLIN)
        while not self._stopping:
            for descriptor, events in self._epoll.poll():
                if descriptor == woken:
                    os.read(woken, 4096)
                elif descriptor in self._nursery:
                    self._nursery.hear(descriptor)
                elif descriptor in self._peers:
                    self._peers.ready(descriptor, events)
            self._nursery.reap()

    def kill_all(self) -> None:
        """SIGKILL to every container."""
        for pod in self._pods.values():
            pod.kill()

    def _stop(self, *_: Any) -> None:
        self._stopping = True

    # -- connections --------------------------------------------------------------------------------------------

    def _answer(self, peer: Peer, body: dict[str, Any], descriptors: list[int]) -> None:
        number = body.get("n", 0)
        work = self._work.get(str(body.get("op")))
        try:
            if work is None:
                raise Refused(f"no operation is called {body.get('op')!r}")
            words = work(peer, body, descriptors)
        except (Refused, KernelError, OSError) as error:
            words = {"error": str(error)}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        if words is not None:
            self._peers.send(peer, {"n": number, **words})

    # -- requests -----------------------------------------------------------------------------------------------

    def _subscribe(self, peer: Peer, body: dict[str, Any], _: list[int]) -> dict[str, Any]:
        peer.nodes.add(body["node"])
        return {}

    def _sandbox(self, _: Peer, body: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        want = SandboxRequest.from_json(body)
        if want.uid in self._pods:
            return {}
        (net,) = descriptors
        self._pods[want.uid] = self._sandboxes.make(want, net, shared_network=want.host_network)
        return {}

    def _start(self, peer: Peer, body: dict[str, Any], descriptors: list[int]) -> None:
        want = ContainerRequest.from_json(
            {**body, "upper_bytes": body.get("upper_bytes") or self._upper_bytes}
        )
        pod = self._pods.get(want.uid)
        if pod is None or pod.removers:
            raise Refused(f"no sandbox for pod {want.uid}")
        (net,) = descriptors
        namespaces = child.PodNamespaces(net, pod.uts, pod.ipc)
        with ExitStack() as closing:
            ends, kept = standard_streams(want, self._null, closing)
            console = Console(closing, wanted=want.tty)
            record = Container(want, 0, streams=kept)
            try:
                record.pid = self._nursery.bear(
                    Birth(
                        work=lambda status, cgroup: child.run_container(
                            want,
                            self._machine,
                            namespaces,
                            child.Descriptors(*ends, status, cgroup, console.theirs),
                        ),
                        cgroup=want.cgroup,
                        told=lambda words: self._started(peer, body["n"], record, words, console),
                        ended=lambda status: self._ended(pod, record, status),
                    )
                )
            except BaseException:
                record.close()
                raise
        pod.containers[want.id] = record

    def _started(
        self, peer: Peer, number: int, record: Container, words: dict[str, Any], console: Console
    ) -> None:
        record.streams += console.take()
        if "error" in words:
            self._peers.send(peer, {"n": number, "error": words["error"], "reason": "StartError"})
            return
        record.runs = words["runs"]
        self._peers.send(peer, {"n": number, "record": record.record().as_json()}, record.streams)

    def _ended(self, pod: Pod, record: Container, status: int) -> None:
        record.end(status)
        event = {"event": "exit", "record": record.record().as_json()}
        for peer in self._peers.wants(record.request.node):
            self._peers.send(peer, event)
        self._finish_removal(pod)

    def _exec(self, peer: Peer, body: dict[str, Any], descriptors: list[int]) -> None:
        want = ExecRequest.from_json(body)
        record = self._container(want.container_id)
        if record.exit_code is not None:
            raise Refused("container not running")
        stdin, stdout, stderr = descriptors if not want.tty else [self._null] * 3
        console = descriptors[0] if want.tty else None
        pidfd = os.pidfd_open(record.pid)

        def ended(status: int) -> None:
            self._execs.pop(want.id, None)
            code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            self._peers.send(peer, {"event": "exec_exit", "id": want.id, "code": code})

        try:
            self._execs[want.id] = self._nursery.bear(
                Birth(
                    work=lambda status, cgroup: child.run_exec(
                        want,
                        record.request,
                        self._machine,
                        pidfd,
                        child.Descriptors(stdin, stdout, stderr, status, cgroup, console),
                    ),
                    cgroup=record.request.cgroup,
                    told=lambda words: self._peers.send(peer, {"n": body["n"], **words}),
                    ended=ended,
                    pid_namespace=pidfd,
                )
            )
        finally:
            os.close(pidfd)

    def _signal_exec(self, _: Peer, body: dict[str, Any], __: list[int]) -> dict[str, Any]:
        pid = self._execs.get(body["id"])
        if pid is not None:
            os.kill(pid, int(body["signal"]))
        return {}

    def _signal(self, _: Peer, body: dict[str, Any], __: list[int]) -> dict[str, Any]:
        record = self._container(body["id"])
        if record.exit_code is None:
            os.kill(record.pid, int(body["signal"]))
        return {}

    def _remove(self, _: Peer, body: dict[str, Any], __: list[int]) -> dict[str, Any]:
        for pod in self._pods.values():
            record = pod.containers.get(body["id"])
            if record is not None:
                if record.exit_code is None:
                    raise Refused("container is running")
                record.close()
                del pod.containers[body["id"]]
        return {}

    def _remove_pod(self, peer: Peer, body: dict[str, Any], _: list[int]) -> dict[str, Any] | None:
        pod = self._pods.get(body["uid"])
        if pod is None:
            return {}
        pod.removers.append((peer, body["n"]))
        pod.kill()
        self._finish_removal(pod)
        return None

    def _finish_removal(self, pod: Pod) -> None:
        if not pod.removers or any(c.exit_code is None for c in pod.containers.values()):
            return
        pod.close()
        self._pods.pop(pod.request.uid, None)
        for peer, number in pod.removers:
            self._peers.send(peer, {"n": number})
        pod.removers = []

    def _list(self, _: Peer, body: dict[str, Any], __: list[int]) -> dict[str, Any]:
        pods = [pod for pod in self._pods.values() if pod.request.node == body["node"]]
        return {
            "sandboxes": [pod.request.as_json() for pod in pods],
            "containers": [c.record().as_json() for pod in pods for c in pod.containers.values()],
        }

    def _streams(self, peer: Peer, body: dict[str, Any], _: list[int]) -> None:
        record = self._container(body["id"])
        words = {"n": body["n"], "tty": record.request.tty, "stdin": record.request.stdin}
        self._peers.send(peer, words, record.streams)

    def _tmpfs(self, _: Peer, body: dict[str, Any], __: list[int]) -> dict[str, Any]:
        pod = self._pods.get(body["uid"])
        if pod is None:
            raise Refused(f"no sandbox for pod {body['uid']}")
        if body["path"] not in pod.tmpfs:
            options = f"mode=1777,size={int(body['bytes'])}" if body["bytes"] else "mode=1777"
            mounts.mount("tmpfs", body["path"], "tmpfs", mounts.NODEV | mounts.NOSUID, options)
            pod.tmpfs.append(body["path"])
        return {}

    def _container(self, container_id: str) -> Container:
        for pod in self._pods.values():
            if container_id in pod.containers:
                return pod.containers[container_id]
        raise Refused(f"no container {container_id}")
