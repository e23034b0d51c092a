"""The flows' arrows beside those of the reference document, which is not ours to ship."""

import re
from collections import Counter
from pathlib import Path

import pytest

from control.scenarios.engine import Flow, flows
from tests.absent import absent

DOCUMENT = (
    Path(__file__).resolve().parents[5] / "shared" / "reference" / "kubernetes-communication-patterns.md"
)
_ARROW = re.compile(r"^\s*(\w+)\s*(?:-->>|->>|-->)\s*(?:\|.*?\|\s*)?(\w+)", re.MULTILINE)
NOT_HERE = {
    "network-policy": Counter({("CNI", "Kernel"): 1}),  # "alt Cilium with eBPF": one enforcer, not two
}


@pytest.mark.parametrize("flow", flows(), ids=lambda flow: flow.name)
def test_a_flow_has_the_documents_arrows_and_no_others(flow: Flow):
    if not DOCUMENT.exists():
        absent(f"the reference document is not at {DOCUMENT}")
    section = DOCUMENT.read_text().split(f"### {flow.title}\n", 1)[1]
    picture = section.split("```mermaid\n", 1)[1].split("```", 1)[0]
    drawn = Counter(_ARROW.findall(picture)) - NOT_HERE.get(flow.name, Counter())

    assert Counter((arrow.source, arrow.target) for arrow in flow.arrows) == drawn
