"""Messages and descriptors between an agent and the zygote."""

import os
import socket

import pytest

from control.workload.channel import Channel, ChannelClosed


@pytest.fixture
def ends():
    one, two = socket.socketpair()
    left, right = Channel(one), Channel(two)
    yield left, right
    left.close()
    right.close()


def drain(left, right):
    """Everything that ``left`` has queued, as ``right`` hears it."""
    found = []
    while not left.flush():
        found += right.receive()
    return found + right.receive()


def test_a_message_larger_than_the_socket_s_buffer_arrives_whole(ends):
    left, right = ends
    body = {"text": "x" * 3_000_000}
    assert left.send(body) is False
    assert drain(left, right) == [(body, [])]


def test_descriptors_stay_with_their_message(ends):
    left, right = ends
    pipes = [os.pipe() for _ in range(3)]
    left.send({"n": 1})
    left.send({"n": 2}, [pipes[0][1], pipes[1][1]])
    left.send({"n": 3, "pad": "y" * 500_000})
    left.send({"n": 4}, [pipes[2][1]])
    heard = drain(left, right)
    assert [(body["n"], len(descriptors)) for body, descriptors in heard] == [(1, 0), (2, 2), (3, 0), (4, 1)]
    os.write(heard[3][1][0], b"here")
    assert os.read(pipes[2][0], 10) == b"here"
    for descriptor in (*(d for pair in pipes for d in pair), *(d for _, ds in heard for d in ds)):
        os.close(descriptor)


def test_received_descriptors_do_not_leak_into_children(ends):
    left, right = ends
    read, write = os.pipe()
    left.send({}, [read])
    ((_, (received,)),) = right.receive()
    assert not os.get_inheritable(received)
    for descriptor in (read, write, received):
        os.close(descriptor)


def test_the_end_is_told_after_the_last_message(ends):
    left, right = ends
    left.send({"last": True})
    left.close()
    assert right.receive() == [({"last": True}, [])]
    with pytest.raises(ChannelClosed):
        right.receive()
