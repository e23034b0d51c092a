"""docs/how/sources.md names a test for each row of traffic, and each test of the hops has its row."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how" / "sources.md").read_text(encoding="utf-8")
FOLDER = ROOT / "tests" / "traffic" / "control" / "lab"
ROWS = dict(re.findall(r"^\| ([^|`]+) \| `(test_hops_\w+\.py::test_\w+)` \|$", PAGE, re.MULTILINE))

MUST_HAVE = (
    "pod to pod, one node", "pod to pod, across nodes", "ClusterIP", "NodePort from the internet", "hairpin",
    "node to pod", "pod to the internet and back", "TTL exceeded", "too big",
)  # fmt: skip
"""Issue 9, point 5."""


def hop_tests() -> dict[str, set[str]]:
    """Each test of the hops, and the fixtures that it asks for."""
    found = {}
    for path in FOLDER.glob("test_hops_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[f"{path.name}::{node.name}"] = {argument.arg for argument in node.args.args}
    return found


@pytest.mark.parametrize("row", MUST_HAVE)
def test_each_row_of_the_issue_has_a_test(row):
    assert [known for known in ROWS if known.startswith(row)]


def test_rows_and_tests_are_the_same():
    assert sorted(ROWS.values()) == sorted(hop_tests())


OVERLAY = {"overlay", "crossing", "towards_pods"}
"""Fixtures that run a test once for each overlay."""


@pytest.mark.parametrize("name", sorted(set(hop_tests()) - {
    "test_hops_of_sockets.py::test_the_overlays_own_checksum_is_never_wrong",  # VXLAN's alone
}))  # fmt: skip
def test_each_runs_in_both_families_and_over_both_overlays(name):
    fixtures = hop_tests()[name]
    assert "family" in fixtures
    assert fixtures & OVERLAY
