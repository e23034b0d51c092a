"""A trace on a terminal and as data."""

import errno

from control.explain.aim import Asker, aim_at
from control.explain.cause import fate_of
from control.explain.hops import hops_of
from control.explain.report import as_json, render
from control.explain.run import Question, TraceReport
from dataplane.observe.journey import Course, Step
from policy.oracle.flow import Flow
from policy.oracle.verdict import verdict
from tests.unit.control.explain import journeys as j

DELIVERED = (
    j.seen(0, j.WEB_NETNS, "out"),
    j.seen(7, j.DB_NETNS, "in"),
    j.answer(9, j.DB_NETNS, "out"),
    j.answer(12, j.WEB_NETNS, "in"),
)


def _report(atlas, *steps: Step, asked: bool = False, **more: object) -> TraceReport:  # type: ignore[no-untyped-def]
    journey = j.journey(*steps, **more)
    aim = aim_at(atlas, "db", Asker(namespace="shop"))
    world = atlas.view.world
    flow = Flow(world.owner(j.WEB), world.owner(j.DB), 6, 8080, j.WEB, j.DB)
    return TraceReport(
        "shop/web", aim, Question("db"), journey, fate_of(journey, atlas, aim, "shop/web"),
        hops_of(journey, atlas, Course.REQUEST, {}), hops_of(journey, atlas, Course.REPLY, {}),
        verdict(world, atlas.view.policies, flow) if asked else None,
    )  # fmt: skip


def test_lines_are_numbered_and_the_last_says_what_became_of_it(atlas):
    lines = render(_report(atlas, *DELIVERED), colour=False).splitlines()
    assert lines[0] == "shop/web → shop/db (tcp 10.244.2.3:8080)"
    assert lines[2].split()[:4] == ["1", "0", "µs", "shop/web"]
    assert lines[3].split()[:4] == ["2", "7", "µs", "shop/db"]
    assert lines[-1] == "delivered to shop/db, and answered · 2 hops"


def test_the_way_back_is_shown_on_demand(atlas):
    report = _report(atlas, *DELIVERED)
    assert "the way back" not in render(report, colour=False)
    assert "the way back" in render(report, colour=False, answers=True)


def test_a_loss_is_one_cause_and_one_sentence(atlas):
    lines = render(_report(atlas, refused=errno.EMSGSIZE), colour=False).splitlines()
    assert "DROPPED before it was sent: EMSGSIZE" in lines[2]
    assert lines[-2] == "lost at shop/web: MTU"


def test_policies_and_wire_that_disagree_are_said_so(atlas):
    """The atlas's policy isolates every pod of shop, and this packet came through."""
    report = _report(atlas, *DELIVERED, asked=True)
    assert report.agrees is False
    assert "the policies say deny" in render(report, colour=False)
    assert "disagree" in render(report, colour=False)


def test_what_was_not_seen_is_not_hidden(atlas):
    text = render(_report(atlas, *DELIVERED, lost=("node-1: 3 frames found no room",)), colour=False)
    assert "not everything was seen: node-1: 3 frames found no room" in text


def test_data_has_the_same_as_the_text(atlas):
    data = as_json(_report(atlas, *DELIVERED, asked=True))
    assert (data["delivered"], data["answered"], data["cause"], data["at"]) == (True, True, None, "shop/db")
    assert [hop["place"] for hop in data["hops"]] == ["shop/web", "shop/db"]
    assert data["oracle"]["allowed"] is False
    assert data["agrees"] is False
