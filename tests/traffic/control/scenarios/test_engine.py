"""`podwire scenario run` on a real lab: the document's pictures arrow for arrow, and what breaks them is named."""

import json
import subprocess
import sys

import pytest

from control.client.resources import NAMESPACES
from control.scenarios import clusterip, engine, network_policy, pod_to_pod
from control.testkit.lab import Lab
from control.testkit.plugin import podwire

pytestmark = pytest.mark.root
FLOWS = (pod_to_pod.FLOW, clusterip.FLOW, network_policy.FLOW)


def leftovers(lab: Lab) -> list[str]:
    """Namespaces of scenarios."""
    names = [each["metadata"]["name"] for each in lab.api.list(NAMESPACES)]
    return [name for name in names if name.startswith("scenario-")]


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_flow_goes_as_it_is_drawn(lab, flow):
    recording = engine.run(flow, lab)

    assert recording.problems() == []
    assert len(recording.compared.pairs) == len(flow.arrows)
    assert leftovers(lab) == []


@pytest.mark.podwire(overlay="direct")
def test_without_an_overlay_pods_reach_each_other_bare(lab):
    recording = engine.run(pod_to_pod.FLOW, lab)

    assert recording.problems() == []
    cable = [seen for arrow, seen in recording.compared.pairs if arrow.target == "NETWORK"]
    assert "VXLAN" not in cable[0].evidence


def test_over_a_cut_wire_the_arrows_behind_it_are_missing_and_named(lab):
    with lab.fault("cut", "node-1", "node-2"):
        done = podwire("scenario", "run", "--name", lab.name, "pod-to-pod", "-o", "json", check=False)

    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert [arrow["from"] for arrow in document["arrows"]] == ["POD1", "VETH1", "BRIDGE1", "ETH1"]
    assert [text.split(":")[0] for text in document["missing"]] == [
        "NETWORK → ETH2",
        "ETH2 → BRIDGE2",
        "BRIDGE2 → VETH2",
        "VETH2 → POD2",
    ]
    assert "missing: NETWORK → ETH2" in done.stderr
    assert leftovers(lab) == []


def test_an_arrow_too_many_is_named(lab):
    """A picture without the bridge at the far end, as if packets were not to pass it."""
    arrows = tuple(arrow for arrow in pod_to_pod.FLOW.arrows if "BRIDGE2" not in (arrow.source, arrow.target))
    flow = engine.Flow("short", "Short", "graph LR", pod_to_pod.FLOW.parts, arrows, pod_to_pod.FLOW.observe)

    recording = engine.run(flow, lab)

    assert not recording.as_drawn
    assert recording.compared.missing == ()
    assert [(seen.source, seen.target) for seen in recording.compared.extra] == [
        ("ETH2", "BRIDGE2"),
        ("BRIDGE2", "VETH2"),
    ]


def test_a_file_takes_the_picture(lab, tmp_path):
    file = tmp_path / "flow.mmd"
    done = podwire("scenario", "run", "--name", lab.name, "pod-to-pod", "-w", str(file))

    assert done.stdout == ""
    assert file.read_text().startswith("graph LR\n")
    assert "8 of 8 arrows seen, as drawn" in done.stderr


def test_what_a_killed_run_left_goes_with_the_next(lab):
    words = [sys.executable, "-I", "-m", "podwire", "scenario", "run", "--name", lab.name, "network-policy"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        lab.until(lambda: leftovers(lab), 30, what="it has begun")
        run.kill()
    assert leftovers(lab) != []

    engine.sweep(lab)
    lab.until(lambda: leftovers(lab) == [], 30, what="its namespace is gone")


def test_a_scenario_that_is_none_is_one_clear_line(lab):
    done = podwire("scenario", "run", "--name", lab.name, "nope", check=False)
    assert done.returncode == 2
    assert "pod-to-pod, clusterip, network-policy" in done.stderr
