"""The agents' side of the zygote: start, exec, signal and remove containers, and hear how they end."""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from control.errors import ControlError
from control.workload.channel import Channel, ChannelClosed
from control.workload.request import ContainerRecord, ContainerRequest, ExecRequest, SandboxRequest
from dataplane.patience import patient

_NEXT_WITHIN_S = 30.0


class RuntimeFailed(ControlError):
    """The zygote refused; ``reason`` is "StartError" when a container's command could not be started."""

    id = "PW-C10"

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class RuntimeGone(RuntimeFailed):
    """No connection to the zygote: it is not there (any more). What it ran may still run."""

    id = "PW-C11"


@dataclass(frozen=True, slots=True)
class Streams:
    """Descriptors of a container's output, owned by who asked. With a tty all is one terminal, ``stdout``."""

    stdout: int
    stderr: int | None
    stdin: int | None


@dataclass(frozen=True, slots=True)
class ContainerHandle:
    """A container that was started."""

    record: ContainerRecord
    streams: Streams


class ZygoteClient:
    """A connection to the zygote. ``on_exit`` hears of the containers of the subscribed node.

    Whatever can be asked twice waits for the next zygote when one dies, and is asked again after ``resume``.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._channel: Channel | None = None
        self._number = 0
        self._answers: dict[int, asyncio.Future[tuple[dict[str, Any], list[int]]]] = {}
        self._execs: dict[str, asyncio.Future[int]] = {}
        self._usable = asyncio.Event()
        self._left = False
        self.zygotes = 0
        """How many it was connected to so far: what one was asked for, the next may not have."""
        self.on_exit: Callable[[ContainerRecord], None] = lambda record: None
        self.on_lost: Callable[[], None] = lambda: None

    @property
    def connected(self) -> bool:
        """Whether the zygote can be asked."""
        return self._channel is not None

    async def connect(self, timeout_s: float = 10.0) -> None:
        """Wait for the zygote's socket, the first time. Raises RuntimeGone after ``timeout_s``."""
        await self._connect(timeout_s)
        self._usable.set()

    async def reconnect(
        self, node: str, timeout_s: float = 10.0
    ) -> tuple[list[SandboxRequest], list[ContainerRecord]]:
        """Connect to the next zygote, subscribe, and learn what it has of the node. Raises RuntimeGone.

        Other questions wait until ``resume``: first its inventory is to be compared with what is known.
        """
        await self._connect(timeout_s)
        await self._ask_once({"op": "subscribe", "node": node})
        return _inventory((await self._ask_once({"op": "list", "node": node}))[0])

    def resume(self) -> None:
        """The questions that wait are asked."""
        if self._channel is not None:
            self._usable.set()

    async def usable(self) -> None:
        """Wait for a zygote that can be asked. Raises RuntimeGone when none is there in time, or after `close`."""
        if self._left:
            raise RuntimeGone("the connection to the zygote was closed")
        try:
            await asyncio.wait_for(self._usable.wait(), _NEXT_WITHIN_S)
        except TimeoutError:
            raise RuntimeGone("the zygote is gone, and no other came") from None

    async def _connect(self, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patient(timeout_s)
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            try:
                sock.connect(self._path)
                break
            except OSError as error:
                sock.close()
                if loop.time() >= deadline:
                    raise RuntimeGone(f"{self._path}: no zygote answers ({error.strerror})") from error
                await asyncio.sleep(0.02)
        self._channel = Channel(sock)
        self.zygotes += 1
        loop.add_reader(sock.fileno(), self._readable)

    def close(self) -> None:
        """Leave; containers go on."""
        self._left = True
        self._drop()

    def _drop(self) -> None:
        self._usable.clear()
        if self._channel is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._channel.fileno())
            loop.remove_writer(self._channel.fileno())
            self._channel.close()
            self._channel = None
        every: list[asyncio.Future[Any]] = [*self._answers.values(), *self._execs.values()]
        for waiting in every:
            if not waiting.done():
                waiting.set_exception(RuntimeGone("the zygote is gone"))
        self._answers, self._execs = {}, {}

    async def subscribe(self, node: str) -> None:
        """Hear of the ends of this node's containers."""
        await self._ask({"op": "subscribe", "node": node})

    async def sandbox(self, request: SandboxRequest) -> None:
        """Make a pod's UTS and IPC namespaces; nothing happens when they are there."""
        await self._ask({"op": request.op, **request.as_json()})

    async def start(self, request: ContainerRequest, netns_fd: int) -> ContainerHandle:
        """Start a container; returns when it runs (a stand-in: when it listens). Raises RuntimeFailed."""
        body, descriptors = await self._ask({"op": request.op, **request.as_json()}, [netns_fd])
        record = ContainerRecord.from_json(body["record"])
        return ContainerHandle(record, _streams(descriptors, tty=request.tty))

    async def exec(self, request: ExecRequest, descriptors: Sequence[int]) -> "asyncio.Future[int]":
        """Start a command in a container with these descriptors: three, or for a terminal one unix socket.

        Returns a future of its exit code. Raises RuntimeFailed when the command can't be started.
        """
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._execs[request.id] = ended
        try:
            await self._ask_once({"op": request.op, **request.as_json()}, list(descriptors))
        except RuntimeFailed:
            self._execs.pop(request.id, None)
            raise
        return ended

    async def end_stdin(self, container_id: str) -> None:
        """The end of a container's standard input (no terminal), once the caller has closed its own descriptor."""
        await self._ask({"op": "end_stdin", "id": container_id})

    async def kill(self, container_id: str, signal_number: int) -> None:
        """Send a signal to the container's first process; nothing happens when it has ended."""
        await self._ask({"op": "signal", "id": container_id, "signal": signal_number})

    async def kill_exec(self, exec_id: str, signal_number: int) -> None:
        """Send a signal to an exec'd command; nothing happens when it has ended."""
        await self._ask_once({"op": "signal_exec", "id": exec_id, "signal": signal_number})

    async def remove(self, container_id: str) -> None:
        """Forget a container that has ended."""
        await self._ask({"op": "remove", "id": container_id})

    async def remove_pod(self, uid: str) -> None:
        """Kill whatever runs in a pod and drop its sandbox; returns when nothing is left."""
        await self._ask({"op": "remove_pod", "uid": uid})

    async def tmpfs(self, uid: str, path: str, size_bytes: int) -> None:
        """Mount a memory volume for a pod's containers at ``path``; 0 bytes sets no limit."""
        await self._ask({"op": "tmpfs", "uid": uid, "path": path, "bytes": size_bytes})

    async def inventory(self, node: str) -> tuple[list[SandboxRequest], list[ContainerRecord]]:
        """What the zygote has of a node: sandboxes, and containers that run or have not been removed."""
        body, _ = await self._ask({"op": "list", "node": node})
        return _inventory(body)

    async def streams(self, container_id: str) -> Streams:
        """The output of a container that an agent before us started; nothing was lost in between."""
        body, descriptors = await self._ask({"op": "streams", "id": container_id})
        return _streams(descriptors, tty=body["tty"])

    async def _ask(
        self, body: dict[str, Any], descriptors: list[int] | None = None
    ) -> tuple[dict[str, Any], list[int]]:
        """Ask, and ask the next zygote when this one dies; RuntimeGone when none is there in time."""
        while True:
            try:
                return await self._ask_once(body, descriptors)
            except RuntimeGone:
                await self.usable()

    async def _ask_once(
        self, body: dict[str, Any], descriptors: list[int] | None = None
    ) -> tuple[dict[str, Any], list[int]]:
        channel = self._channel
        if channel is None:
            raise RuntimeGone("the zygote is gone")
        loop = asyncio.get_running_loop()
        self._number += 1
        answer: asyncio.Future[tuple[dict[str, Any], list[int]]] = loop.create_future()
        self._answers[self._number] = answer
        try:
            if not channel.send({"n": self._number, **body}, descriptors):
                loop.add_writer(channel.fileno(), self._writable)
        except ChannelClosed:
            self._lose()
        words, received = await answer
        if "error" in words:
            for descriptor in received:
                os.close(descriptor)
            raise RuntimeFailed(words["error"], words.get("reason", ""))
        return words, received

    def _readable(self) -> None:
        if self._channel is None:
            return
        try:
            for body, descriptors in self._channel.receive():
                self._take(body, descriptors)
        except ChannelClosed:
            self._lose()

    def _writable(self) -> None:
        if self._channel is None:
            return
        try:
            if self._channel.flush():
                asyncio.get_running_loop().remove_writer(self._channel.fileno())
        except ChannelClosed:
            self._lose()

    def _take(self, body: dict[str, Any], descriptors: list[int]) -> None:
        event = body.get("event")
        if event == "exit":
            self.on_exit(ContainerRecord.from_json(body["record"]))
        elif event == "exec_exit":
            ended = self._execs.pop(body["id"], None)
            if ended is not None and not ended.done():
                ended.set_result(body["code"])
        else:
            answer = self._answers.pop(body["n"], None)
            if answer is not None and not answer.done():
                answer.set_result((body, descriptors))
            else:  # who asked has gone away; nobody else would close these
                for descriptor in descriptors:
                    os.close(descriptor)

    def _lose(self) -> None:
        self._drop()
        self.on_lost()


def _inventory(body: dict[str, Any]) -> tuple[list[SandboxRequest], list[ContainerRecord]]:
    return (
        [SandboxRequest.from_json(item) for item in body["sandboxes"]],
        [ContainerRecord.from_json(item) for item in body["containers"]],
    )


def _streams(descriptors: list[int], *, tty: bool) -> Streams:
    if tty:
        return Streams(descriptors[0], None, descriptors[0])
    return Streams(descriptors[0], descriptors[1], descriptors[2] if len(descriptors) > 2 else None)
