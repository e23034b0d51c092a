"""The pods and containers of a zygote, and what it does with them when an agent asks."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from control.workload import container as child
from control.workload.descriptor_store import Deposits, Kept
from control.workload.machine import Machine
from control.workload.nursery import Birth, Child, Nursery, Watch
from control.workload.peers import Peer, Peers
from control.workload.pods import Container, Pod, kill_cgroup
from control.workload.request import ContainerRequest, ExecRequest, SandboxRequest
from control.workload.sandbox import SandboxMaker
from control.workload.streams import Console, standard_streams
from dataplane.host import mounts

_WITH_STDIN = 3
"""Streams of a container without a terminal whose standard input is open: the last is that."""
Work = Callable[[Peer, dict[str, Any], list[int]], dict[str, Any] | None]


class Refused(Exception):
    """A request that can't be met; its text goes back as the answer."""


class Wards:
    """Owns the sandboxes' descriptors and knows every container; deposits all that a zygote after it needs.

    work: what each operation does; None is answered later. Each can be asked again by who heard no answer.
    """

    def __init__(
        self, machine: Machine, upper_bytes: int, peers: Peers, nursery: Nursery, deposits: Deposits
    ) -> None:
        self._machine, self._upper_bytes = machine, upper_bytes
        self._peers, self._nursery, self._deposits = peers, nursery, deposits
        self._pods: dict[str, Pod] = {}
        self._execs: dict[str, int] = {}
        self._orphans: dict[str, Watch] = {}
        self._sandboxes = SandboxMaker()
        self._null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self.work: dict[str, Work] = {
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
            "end_stdin": self._end_stdin,
            "tmpfs": self._tmpfs,
        }

    def kill_all(self) -> None:
        """SIGKILL to every container."""
        for pod in self._pods.values():
            pod.kill()

    # -- what the zygote before left ----------------------------------------------------------------------------

    def adopt(self) -> None:
        """Take over what was found. Its execs end: who asked for them has lost sight of them."""
        found = self._deposits.found
        for key in [key for key in found if key.startswith("pod/")]:
            kept = found.pop(key)
            words = json.loads(kept.text)
            request = SandboxRequest.from_json(words["request"])
            uts, ipc = kept.descriptors
            self._pods[request.uid] = Pod(request, uts, ipc, tmpfs=words["tmpfs"])
        for key, kept in found.items():
            kind = key.partition("/")[0]
            if kind == "container":
                self._adopt_container(key, kept)
            else:
                if kept.status is None:
                    _kill(kept.descriptors[0])
                kept.close()
                self._deposits.drop(key)
        self._deposits.found = {}

    def _adopt_container(self, key: str, kept: Kept) -> None:
        words = json.loads(kept.text)
        request = ContainerRequest.from_json(words["request"])
        pod = self._pods.get(request.uid)
        if pod is None:  # its removal was under way: nothing of it lives
            kept.close()
            self._deposits.drop(key)
            return
        pidfd, *others = kept.descriptors
        record = Container(request, kept.pid, pidfd, words["runs"], words["failed"], words["started"])
        status = None if record.begun else others.pop(0)
        record.streams = others
        pod.containers[request.id] = record
        watch = self._orphans[key] = Watch(
            told=lambda words: self._told(record, words, []),
            ended=lambda code: self._ended(pod, record, code),
        )
        if status is not None:
            self._nursery.listen(status, watch)
            if request.tty:  # its terminal was on the way to the zygote that died
                record.signal(signal.SIGKILL)
        if kept.status is not None:
            self._nursery.bury(self._orphans.pop(key), kept.status)
            record.finished = kept.ended

    def orphan_ended(self, key: str, status: int) -> None:
        """The parent reaped what an earlier zygote had forked."""
        watch = self._orphans.pop(key, None)
        if watch is not None:
            self._nursery.bury(watch, status)

    def _deposit_pod(self, pod: Pod) -> None:
        words = {"request": pod.request.as_json(), "tmpfs": pod.tmpfs}
        self._deposits.put(pod.key, json.dumps(words), [pod.uts, pod.ipc])

    def _deposit(self, record: Container, *status: int) -> None:
        words = {
            "request": record.request.as_json(),
            "runs": record.runs,
            "failed": record.failed,
            "started": record.started,
        }
        descriptors = [record.pidfd, *status, *record.streams]
        self._deposits.put(record.key, json.dumps(words), descriptors, record.pid)

    # -- requests -----------------------------------------------------------------------------------------------

    def _subscribe(self, peer: Peer, body: dict[str, Any], _: list[int]) -> dict[str, Any]:
        peer.nodes.add(body["node"])
        return {}

    def _sandbox(self, _: Peer, body: dict[str, Any], __: list[int]) -> dict[str, Any]:
        want = SandboxRequest.from_json(body)
        if want.uid in self._pods:
            return {}
        pod = self._pods[want.uid] = self._sandboxes.make(want)
        self._deposit_pod(pod)
        return {}

    def _start(self, peer: Peer, body: dict[str, Any], descriptors: list[int]) -> None:
        want = ContainerRequest.from_json(
            {**body, "upper_bytes": body.get("upper_bytes") or self._upper_bytes}
        )
        pod = self._pods.get(want.uid)
        if pod is None or pod.removers:
            raise Refused(f"no sandbox for pod {want.uid}")
        record = pod.containers.get(want.id)
        if record is None:
            record = Container(want, starters=[(peer, body["n"])])
            self._bear(pod, record, descriptors[0])
        elif record.begun:
            self._answer_start(record, peer, body["n"])
        else:
            record.starters.append((peer, body["n"]))

    def _bear(self, pod: Pod, record: Container, net: int) -> None:
        want, namespaces = record.request, child.PodNamespaces(net, pod.uts, pod.ipc)
        target = self._container(want.shares_pid_of) if want.shares_pid_of else None
        if target is not None and target.exit_code is not None:
            raise Refused("the container whose processes it is to share has ended")
        with ExitStack() as closing:
            ends, record.streams = standard_streams(want, self._null, closing)
            console = Console(closing, wanted=want.tty)

            def born(born: Child) -> None:
                record.pid, record.pidfd = born.pid, born.pidfd
                self._deposit(record, born.status)

            birth = Birth(
                work=lambda status, cgroup: child.run_container(
                    want, self._machine, namespaces, child.Descriptors(*ends, status, cgroup, console.theirs)
                ),
                cgroup=want.cgroup,
                born=born,
                watch=Watch(
                    told=lambda words: self._told(record, words, console.take()),
                    noted=lambda status: self._deposits.end(record.key, status),
                    ended=lambda status: self._ended(pod, record, status),
                ),
                pid_namespace=target.pidfd if target is not None else None,
            )
            pod.containers[want.id] = record
            try:
                self._nursery.bear(birth)
            except BaseException:
                del pod.containers[want.id]
                record.close()
                self._deposits.drop(record.key)
                raise

    def _told(self, record: Container, words: dict[str, Any], terminal: list[int]) -> None:
        record.streams += terminal
        record.runs, record.failed = words.get("runs", ""), words.get("error", "")
        self._deposit(record)
        for peer, number in record.starters:
            self._answer_start(record, peer, number)
        record.starters = []

    def _answer_start(self, record: Container, peer: Peer, number: int) -> None:
        if record.failed:
            self._peers.send(peer, {"n": number, "error": record.failed, "reason": "StartError"})
        else:
            self._peers.send(peer, {"n": number, "record": record.record().as_json()}, record.streams)

    def _ended(self, pod: Pod, record: Container, status: int) -> None:
        record.end(status)
        if record.request.shares_pid_of:  # its namespace goes on, and what it left behind would too
            kill_cgroup(record.request.cgroup)
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
        key, pidfd = f"exec/{want.id}", os.dup(record.pidfd)

        def born(born: Child) -> None:
            self._execs[want.id] = born.pid
            self._deposits.put(key, "", [born.pidfd], born.pid)
            os.close(born.pidfd)

        def ended(status: int) -> None:
            self._execs.pop(want.id, None)
            self._deposits.drop(key)
            code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            self._peers.send(peer, {"event": "exec_exit", "id": want.id, "code": code})

        try:
            self._nursery.bear(
                Birth(
                    work=lambda status, cgroup: child.run_exec(
                        want,
                        record.request,
                        self._machine,
                        pidfd,
                        child.Descriptors(stdin, stdout, stderr, status, cgroup, console),
                    ),
                    cgroup=record.request.cgroup,
                    born=born,
                    watch=Watch(
                        told=lambda words: self._peers.send(peer, {"n": body["n"], **words}), ended=ended
                    ),
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
        self._container(body["id"]).signal(int(body["signal"]))
        return {}

    def _remove(self, _: Peer, body: dict[str, Any], __: list[int]) -> dict[str, Any]:
        for pod in self._pods.values():
            record = pod.containers.get(body["id"])
            if record is not None:
                if record.exit_code is None:
                    raise Refused("container is running")
                record.close()
                self._deposits.drop(record.key)
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
        for record in pod.containers.values():
            self._deposits.drop(record.key)
        self._deposits.drop(pod.key)
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

    def _end_stdin(self, _: Peer, body: dict[str, Any], __: list[int]) -> dict[str, Any]:
        record, want = self._container(body["id"]), self._container(body["id"]).request
        if record.begun and want.stdin and not want.tty and len(record.streams) == _WITH_STDIN:
            os.close(record.streams.pop())
            self._deposit(record)
        return {}

    def _tmpfs(self, _: Peer, body: dict[str, Any], __: list[int]) -> dict[str, Any]:
        pod = self._pods.get(body["uid"])
        if pod is None:
            raise Refused(f"no sandbox for pod {body['uid']}")
        if body["path"] not in pod.tmpfs:
            options = f"mode=1777,size={int(body['bytes'])}" if body["bytes"] else "mode=1777"
            mounts.mount("tmpfs", body["path"], "tmpfs", mounts.NODEV | mounts.NOSUID, options)
            pod.tmpfs.append(body["path"])
            self._deposit_pod(pod)
        return {}

    def _container(self, container_id: str) -> Container:
        for pod in self._pods.values():
            if container_id in pod.containers:
                return pod.containers[container_id]
        raise Refused(f"no container {container_id}")


def _kill(pidfd: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        return
