"""The report as people and programs read it."""

from ipaddress import ip_address

import pytest

from control.verify.calls import Call, edges
from control.verify.expect import Expectation, Expectations, Word
from control.verify.matrix import render
from control.verify.observation import Observation
from control.verify.pairs import pairs, sources, targets
from control.verify.probe import Outcome
from control.verify.report import CallResult, VerifyReport

SEEN = {Word.OPEN: Outcome.OPEN, Word.BLOCKED: Outcome.BLOCKED, Word.REFUSED: Outcome.REFUSED}


@pytest.fixture
def report(cluster):
    """Everything went as the policies say."""
    said = Expectations(cluster)
    chosen = sources(cluster, "lab", ())
    observations = []
    for pair in pairs(chosen, targets(cluster, (), internet=False)):
        each = Observation(pair, said.of(pair))
        each.answered = set(each.expected.allowed)
        each.outcomes[SEEN.get(each.expected.word, Outcome.OPEN)] += 1
        if each.expected.word is Word.PARTLY:
            each.outcomes[Outcome.BLOCKED] += 1
        observations.append(each)
    call = Call(edges(cluster, chosen)[0], (ip_address("10.96.0.20"),), True, Outcome.OPEN)
    calls = (CallResult(call, Expectation(Word.OPEN, "")),)
    return VerifyReport(tuple(observations), calls, 18, 0.42)


def test_the_table_shows_each_workload_against_each_service(report):
    assert render(report, colour=False) == (
        "     api:80  none:80\n"
        "api    ~        o\n"
        "web    +        o\n"
        "+ open   - blocked   o refused: nobody listens   ~ some of them   ? not tried   X not as the policies say\n"
        "\n"
        "pods' own ports: 9 pairs, 7 open, 2 blocked\n"
        "\n"
        "calls that the containers' environment names: 1 open\n"
        "  web → api:80  open\n"
        "\n"
        "18 connections opened, 18 as the policies say, 0 mismatches · 0.4 s\n"
    )


def test_where_columns_do_not_fit_they_have_numbers_and_a_list(report):
    text = render(report, colour=False, width=20)

    assert "  1  api:80\n    2  none:80" in text


def test_a_mismatch_names_the_pair_the_policy_and_both_sides(report):
    (web,) = [
        o
        for o in report.observations
        if (o.pair.source.name, o.pair.target.name) == ("shop/web", "shop/api-abc-2:8080")
    ]
    web.outcomes.clear()
    web.outcomes[Outcome.BLOCKED] = 1
    web.answered.clear()

    (found,) = report.mismatches
    assert str(found) == (
        "shop/web → pod shop/api-abc-2:8080: the policies say open, the wire says blocked 1 of 1 "
        "(entering shop/api-abc-2: allowed by shop/api spec.ingress[0].from[0])"
    )
    assert found.policies == ("shop/api",)
    assert report.exit_code == 1
    assert report.as_json()["mismatches"][0]["source"] == "shop/web"
    assert "18 connections opened, 17 as the policies say, 1 mismatches" in render(report, colour=False)


def test_colours_are_for_terminals(report):
    assert "\033[" in render(report, colour=True)
    assert "\033[" not in render(report, colour=False)
