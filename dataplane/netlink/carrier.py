"""Waiting until a link that was put up carries packets.

Up is not yet carrying: the kernel activates a link's queue, and a bridge its port, when its link watch has run, in a
worker that waits for the lock all links share. What is sent before is dropped, and a SYN comes again after a
second. Since Linux 6.8 asking for a link makes the watch run for it; before, asking again does.
"""

import time
from collections.abc import Collection

from dataplane.netlink import link_order
from dataplane.netlink.batch import BatchSocket
from dataplane.netlink.order import attributes

_OPERSTATE, _UNKNOWN, _UP = 16, 0, 6  # IFLA_OPERSTATE, IF_OPER_*; a device that can't tell says unknown
_HEADER = 16
_EVERY_S = 0.0002


def wait(socket: BatchSocket, names: Collection[str], patience_s: float) -> tuple[str, ...]:
    """Return once all of these links carry; the names of those that still do not when patience ends.

    Raises LinkError for a name that is not there.
    """
    deadline = time.monotonic() + patience_s
    waiting = tuple(names)
    while True:
        answers = socket.send([link_order.get_link(name) for name in waiting])
        waiting = tuple(name for name, answer in zip(waiting, answers, strict=True) if not _carries(answer))
        if not waiting or time.monotonic() > deadline:
            return waiting
        time.sleep(_EVERY_S)


def _carries(answer: bytes) -> bool:
    return attributes(answer[_HEADER:]).get(_OPERSTATE, b"\0")[0] in {_UNKNOWN, _UP}
