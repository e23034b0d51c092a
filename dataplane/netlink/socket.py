"""One pyroute2 handle in a namespace, and the door where its errors become ours."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkDecodeError, NetlinkDumpInterrupted, NetlinkError, SkipInode

from dataplane.errors import KernelError, LinkError
from dataplane.netlink.refusal import as_kernel_error
from dataplane.netns.enter import inside

T = TypeVar("T")


class RouteHandle:
    """Speaks rtnetlink in one namespace. Make, use and close it in one thread, outside any event loop."""

    def __init__(self, netns: str | None) -> None:
        """netns: None for the calling thread's own."""
        self.netns = netns or "this namespace"
        with _door(self.netns, "open rtnetlink"):
            if netns is None:
                self.ip = IPRoute(ext_ack=True, strict_check=True)
            else:
                with inside(netns):
                    self.ip = IPRoute(ext_ack=True, strict_check=True)

    def __enter__(self) -> "RouteHandle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self.ip.close()

    def call(self, what: str, order: Callable[[IPRoute], T], *, answers: Collection[int] = ()) -> T | None:
        """The order's value; None when the kernel says one of ``answers`` (errno), which is no error here.

        what: for the error's text, ``link cni0``. Raises LinkExists, NotSupported, LinkError.
        """
        try:
            with _door(self.netns, what):
                return order(self.ip)
        except KernelError as error:
            cause = error.__cause__
            if isinstance(cause, NetlinkError) and cause.code in answers:
                return None
            raise

    def dump(self, request: str, **selection: Any) -> list[Any]:
        """All messages of a dump, asked again when it was interrupted by a change. request: ``get_links``."""
        what = request.replace("_", " ")
        for _ in range(5):
            try:
                with _door(self.netns, what):
                    return list(getattr(self.ip, request)(**selection))
            except LinkError as error:
                if not isinstance(error.__cause__, NetlinkDumpInterrupted):
                    raise
        raise LinkError(self.netns, f"{what}: changed while it was read, five times")


@contextmanager
def _door(where: str, what: str) -> Iterator[None]:
    """pyroute2's exceptions, and the socket's, as ours."""
    try:
        yield
    except (NetlinkDumpInterrupted, NetlinkDecodeError, SkipInode) as error:
        raise LinkError(where, what, str(error)) from error
    except NetlinkError as error:
        number = abs(int(error.code or 0))
        text = error.args[1] if len(error.args) > 1 else ""
        raise as_kernel_error(where, what, number, str(text)) from error
    except OSError as error:
        raise as_kernel_error(where, what, error.errno or 0, str(error)) from error
