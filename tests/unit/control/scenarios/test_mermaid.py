"""Recordings as Mermaid."""

from typing import Any

import pytest

from control.scenarios.arrow import Arrow, Part, Seen, compare
from control.scenarios.engine import Flow, Observation, Recording, flows
from control.scenarios.mermaid import mermaid
from control.testkit.lab import Lab


def _nothing(_lab: Lab) -> Observation:
    return Observation({}, ())


def _recording(chart: str, *seen: Seen) -> Recording:
    flow = Flow(
        "f",
        "F",
        chart,
        (Part("A", "Pod<br/>{a}", "Node {n}"), Part("B", "Wire")),
        (
            Arrow("A", "B", "x", "1. to {to}; now", note="Phase {n}"),
            Arrow("B", "A", "y", answer=True),
            Arrow("B", "B", "z", "dropped", dead=True),
        ),
        _nothing,
    )
    return Recording(flow, {"a": "10.0.0.1", "n": "1"}, compare(flow.arrows, seen, ordered=True))


ALL = (Seen("A", "B", "x", "e", {"to": "10.0.0.2"}), Seen("B", "A", "y", "e"), Seen("B", "B", "z", "e"))


def test_a_graph_has_its_frames_and_the_observed_addresses():
    assert mermaid(_recording("graph LR", *ALL)).splitlines() == [
        "graph LR",
        '    subgraph "Node 1"',
        '        A["Pod<br/>10.0.0.1"]',
        "    end",
        '    B["Wire"]',
        '    A -->|"1. to 10.0.0.2; now"| B',
        "    B -.-> A",
        '    B -->|"dropped"| B',
    ]


def test_a_sequence_has_notes_answers_and_ends():
    assert mermaid(_recording("sequenceDiagram", *ALL)).splitlines() == [
        "sequenceDiagram",
        "    participant A as Pod<br/>10.0.0.1",
        "    participant B as Wire",
        "    Note over A,B: Phase 1",
        "    A->>B: 1. to 10.0.0.2, now",
        "    B-->>A: ",
        "    B-xB: dropped",
    ]


def test_what_is_missing_or_too_much_is_a_comment_and_a_line():
    recording = _recording("graph LR", ALL[0], Seen("A", "C", "x", "at c"))
    assert not recording.as_drawn
    assert recording.problems() == [
        "missing: B → A (y)",
        "missing: B → B (z) dropped",
        "extra: A → C (x) at c",
    ]
    assert [line for line in mermaid(recording).splitlines() if "%%" in line] == [
        f"    %% {problem}" for problem in recording.problems()
    ]
    document: dict[str, Any] = recording.as_json()
    assert (document["asDrawn"], len(document["missing"]), len(document["extra"])) == (False, 2, 1)
    assert document["arrows"][0]["label"] == "1. to 10.0.0.2; now"


@pytest.mark.parametrize("flow", flows(), ids=lambda flow: flow.name)
def test_every_arrow_of_a_flow_joins_parts_that_it_has(flow):
    keys = [part.key for part in flow.parts]
    assert len(set(keys)) == len(keys)
    assert {end for arrow in flow.arrows for end in (arrow.source, arrow.target)} == set(keys)


def test_the_flows_are_the_documents():
    assert [(flow.name, flow.title) for flow in flows()] == [
        ("pod-to-pod", "Pod-to-Pod Communication"),
        ("clusterip", "Service ClusterIP Traffic Flow"),
        ("network-policy", "Network Policy Enforcement"),
    ]
