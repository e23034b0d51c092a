"""The sockets of an API alone: one that listens on loopback, and none to nodes, which are pretended."""

import errno
import socket
from typing import Final, NoReturn

from control.errors import PortTaken

LOOPBACK: Final = "127.0.0.1"


class NoNodes:
    """The way to kubelets where there are none: no address of the machine's network is ever dialled for them."""

    def socket(self, family: int, type: int, proto: int = 0) -> NoReturn:  # noqa: A002 (the socket module's word)
        """Raises OSError: no route to host."""
        raise OSError(errno.EHOSTUNREACH, "this node is pretended, it runs no containers")


def listen(port: int, *, wanted: bool) -> socket.socket:
    """A listening socket on a loopback port; 0 picks a free one, and so does one that is taken and not ``wanted``.

    Raises PortTaken.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # A client that has just gone keeps the port for a minute without it; another that listens does so still.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((LOOPBACK, port))
        sock.listen(512)
    except OSError as error:
        sock.close()
        if not wanted and port:
            return listen(0, wanted=False)
        raise PortTaken(
            f"Port {port} of {LOOPBACK} can't be had: {error.strerror}.",
            "podwire api without --port: it picks a free one",
        ) from error
    sock.setblocking(False)
    return sock
