"""The guided tour: each step does what its sentence says, and nothing is left."""

import os
import re
import signal
import subprocess
import sys

import pytest

from control.cli.tour_command import steps
from control.client.resources import NETWORKPOLICIES, PODS
from control.lab.directory import LabDirectory
from control.lab.spec import Periods
from control.testkit.plugin import podwire
from dataplane.netns import create
from dataplane.netns.names import lab_of

pytestmark = pytest.mark.root


def left_of(lab: str) -> list[str]:
    """What there still is of a lab."""
    here = [name for name in create.listing() if lab_of(name) == lab]
    return here + ([lab] if LabDirectory.of(lab).exists() else [])


def test_on_a_lab_of_its_own_it_shows_a_packet_a_denial_and_a_lost_node_and_leaves_nothing():
    name = f"t{os.getpid():x}t"
    done = podwire("tour", "--name", name, "--no-wait")

    said = done.stdout
    order = (
        "1 of 8", f"podwire up --name {name}", "delivered to default/web-1, and answered",
        "web-for-friends.yaml:6", "lost at node-1: default deny", "node node-1 NotReady", "healed f1",
        "node node-1 Ready again", "8 of 8", "the machine is as it was",
    )  # fmt: skip
    places = [said.find(text) for text in order]
    assert -1 not in places, dict(zip(order, places, strict=True))
    assert places == sorted(places)
    assert left_of(name) == []


@pytest.mark.slow  # half a minute
@pytest.mark.podwire(file="../lab/quick.yaml")
def test_on_a_running_lab_it_removes_only_what_it_put_there(lab):
    done = podwire("tour", "--name", lab.name, "--no-wait")

    assert "1 of 7" in done.stdout
    assert "podwire up" not in re.sub(r"sudo podwire up\b.*", "", done.stdout)
    assert "node node-1 Ready again" in done.stdout
    assert lab.api.list(NETWORKPOLICIES, "default") == []
    lab.until(lambda: lab.api.list(PODS, "default") == [], 30, what="its pods are gone")
    assert LabDirectory.of(lab.name).exists()


def test_ended_midway_it_clears_its_lab():
    name = f"t{os.getpid():x}u"
    words = [sys.executable, "-I", "-u", "-m", "podwire", "tour", "--name", name, "--no-wait"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as tour:
        assert tour.stdout is not None
        for line in tour.stdout:
            if line.startswith("3 of 8"):
                tour.send_signal(signal.SIGTERM)
                break
        rest = tour.stdout.read()
        assert tour.wait() == 128 + signal.SIGTERM, rest
    assert "the tour ends: clearing" in rest
    assert left_of(name) == []


def test_its_time_without_a_node_is_longer_than_the_labs_periods():
    (cut,) = [step for step in steps("x", Periods(), own=True) if step.words[:2] == ("fault", "cut")]
    assert float(cut.words[-1].removesuffix("s")) > Periods().monitor_grace_s + Periods().monitor_s
