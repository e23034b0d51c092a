"""Sockets of an API alone: one on loopback, none to nodes."""

import socket

import pytest

from control.alone.sockets import NoNodes, listen
from control.errors import PortTaken


def test_no_socket_is_ever_made_to_a_pretended_node() -> None:
    with pytest.raises(OSError, match="pretended"):
        NoNodes().socket(socket.AF_INET, socket.SOCK_STREAM)


def test_a_taken_port_is_refused_when_it_was_asked_for_and_replaced_when_not() -> None:
    with listen(0, wanted=True) as holder:
        address, port = holder.getsockname()
        assert address == "127.0.0.1"
        with pytest.raises(PortTaken, match=str(port)):
            listen(port, wanted=True)
        with listen(port, wanted=False) as other:
            assert other.getsockname()[1] not in (0, port)
