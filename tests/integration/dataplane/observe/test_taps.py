"""Taps in a namespace of their own: a frame's time is the kernel's, however late it is read."""

import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator

import pytest

from dataplane.netns.create import create, delete
from dataplane.netns.enter import run_inside
from dataplane.observe.taps import Frame, tapped

pytestmark = pytest.mark.root


@pytest.fixture
def netns() -> Iterator[str]:
    """An empty namespace whose loopback is up."""
    name = f"podwire-ttap{uuid.uuid4().hex[:6]}-node"
    create(name)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    yield name
    delete(name)


def _send() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.sendto(b"here I am", ("127.0.0.1", 9))


def test_a_frame_that_is_read_late_has_the_time_at_which_it_passed(netns):
    frames: list[Frame] = []
    sent = threading.Event()

    def wanted(data: bytes) -> bool:
        sent.wait(10)  # the reader is held up at the first frame, until all were sent
        return b"here I am" in data

    with tapped([netns], wanted, frames.append):
        run_inside(netns, _send)
        run_inside(netns, _send)
        over_ns = time.time_ns()
        sent.set()

    ours = [frame for frame in frames if frame.data.endswith(b"here I am")]
    assert len(ours) >= 4  # each out and in
    assert all(frame.time_ns <= over_ns for frame in ours)


def test_a_namespace_without_loopback_can_be_tapped_too():
    name = f"podwire-ttap{uuid.uuid4().hex[:6]}-node"
    create(name)
    try:
        with tapped([name], lambda _data: True, lambda _frame: None) as taps:
            assert taps.lost == {}
    finally:
        delete(name)
