"""Into a namespace: for a block, for a function, or for sockets that stay open after it.

A namespace is a property of the thread. ``inside`` moves the caller's own and brings it home; what must not
be moved (an event loop's thread) uses ``run_inside`` or a SocketMaker.
"""

import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from dataplane.errors import NamespaceError, NamespaceGone
from dataplane.netns import names, syscalls
from dataplane.netns.create import OWN_NAMESPACE

T = TypeVar("T")


def pin(name: str) -> int:
    """A descriptor that holds the namespace; the caller closes it. Raises NamespaceGone."""
    try:
        return os.open(names.path(name), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NamespaceGone(name, "there is no such namespace", str(error)) from error


@contextmanager
def inside(name: str) -> Iterator[None]:
    """The calling thread is in the namespace for the block, and back where it was after it."""
    there = pin(name)
    try:
        home = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(there, name)
            try:
                yield
            finally:
                syscalls.setns(home, syscalls.CLONE_NEWNET)
        finally:
            os.close(home)
    finally:
        os.close(there)


def run_inside(name: str, function: Callable[[], T]) -> T:
    """The function's value, computed by a fresh thread in the namespace; its exception is raised here."""
    answer: Future[T] = Future()
    there = pin(name)

    def body() -> None:
        try:
            _enter(there, name)
            answer.set_result(function())
        except BaseException as error:  # noqa: BLE001 - carried to the caller, whatever it is
            answer.set_exception(error)

    try:
        thread = threading.Thread(target=body, name=f"in {name}", daemon=True)
        thread.start()
        thread.join()
    finally:
        os.close(there)
    return answer.result()


class SocketMaker:
    """A thread that lives in a namespace and makes sockets there; they keep their namespace ever after.

    Thread-safe. The namespace is pinned: it outlives its name until ``close``. Fork before, never after.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._orders: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._pin = pin(name)
        entered: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, args=(entered,), name=f"in {name}", daemon=True)
        self._thread.start()
        try:
            entered.result()
        except NamespaceError:
            os.close(self._pin)
            raise

    def socket(self, family: int, kind: int, proto: int = 0) -> socket.socket:
        """A socket of that namespace. OSError as from ``socket.socket``."""
        return self.call(lambda: socket.socket(family, kind, proto))

    def call(self, function: Callable[[], T]) -> T:
        """The function's value, computed in the namespace; keep it short, all callers share the thread."""
        answer: Future[T] = Future()
        self._orders.put((function, answer))
        return answer.result()

    def close(self) -> None:
        """End the thread and let the namespace go; sockets made stay usable."""
        if self._thread.is_alive():
            self._orders.put(None)
            self._thread.join()
            os.close(self._pin)

    def __enter__(self) -> "SocketMaker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self, entered: "Future[None]") -> None:
        try:
            _enter(self._pin, self.name)
        except NamespaceError as error:
            entered.set_exception(error)
            return
        entered.set_result(None)
        while (order := self._orders.get()) is not None:
            function, answer = order
            try:
                answer.set_result(function())
            except BaseException as error:  # noqa: BLE001 - carried to the caller, whatever it is
                answer.set_exception(error)


def _enter(descriptor: int, name: str) -> None:
    try:
        syscalls.setns(descriptor, syscalls.CLONE_NEWNET)
    except OSError as error:
        raise NamespaceGone(name, "can't be entered", str(error), "run as root") from error
