"""When what was seen is what the policies say."""

from ipaddress import ip_address

import pytest

from control.verify.expect import Expectations, Word
from control.verify.observation import Observation
from control.verify.pairs import TargetKind, pairs, sources, targets
from control.verify.probe import Outcome
from control.verify.rounds import most_tries, tries
from dataplane.model.address import HostPort

ONE, TWO = HostPort(ip_address("10.244.1.3"), 8080), HostPort(ip_address("10.244.2.3"), 8080)


@pytest.fixture
def seen(cluster):
    """``seen("shop/web", "shop/api:80")``: that pair, not tried yet."""
    said = Expectations(cluster)
    found = {
        (pair.source.name, pair.target.name): Observation(pair, said.of(pair))
        for pair in pairs(sources(cluster, "lab", ()), targets(cluster, (), internet=False))
    }
    return lambda source, target: found[source, target]


def test_the_oracle_is_asked_for_every_endpoint(seen):
    open_pair = seen("shop/web", "shop/api:80").expected
    partly = seen("shop/api-abc-1", "shop/api:80").expected

    assert (open_pair.word, open_pair.policies, open_pair.allowed) == (Word.OPEN, ("shop/api",), {ONE, TWO})
    assert (partly.word, partly.allowed, partly.denied) == (Word.PARTLY, {ONE}, {TWO})
    assert seen("shop/web", "shop/none:80").expected.word is Word.REFUSED


def test_open_means_that_every_endpoint_has_answered(seen):
    pair = seen("shop/web", "shop/api:80")
    pair.outcomes[Outcome.OPEN] = 4
    pair.answered = {ONE}
    assert pair.mismatch == "10.244.2.3:8080 never answered in 4 connections"
    pair.answered = {ONE, TWO}
    assert pair.mismatch == ""


def test_a_refusal_by_a_service_with_endpoints_is_one_entry_less_in_a_map(seen):
    pair = seen("shop/web", "shop/api:80")
    pair.outcomes.update({Outcome.OPEN: 3, Outcome.REFUSED: 1})
    pair.answered = {ONE, TWO}
    assert pair.mismatch == "the wire says open 3 of 4, refused 1 of 4"


def test_a_refusal_at_a_pods_own_address_shows_that_the_way_is_open(seen):
    pair = seen("shop/web", "shop/api-abc-1:8080")
    assert pair.pair.target.kind is TargetKind.POD
    pair.outcomes[Outcome.REFUSED] = 1
    assert not pair.contrary


def test_where_an_endpoint_listens_to_nobody_its_service_may_refuse(seen):
    pair = seen("shop/web", "shop/api:80")
    pair.refusing = frozenset({TWO})
    pair.outcomes.update({Outcome.OPEN: 2, Outcome.REFUSED: 1})
    pair.answered = {ONE}
    assert pair.mismatch == ""


def test_an_endpoint_that_must_not_answer_and_does_is_a_leak(seen):
    pair = seen("shop/api-abc-1", "shop/api:80")
    pair.outcomes[Outcome.OPEN] = 2
    pair.answered = {ONE, TWO}
    assert pair.mismatch == "10.244.2.3:8080 answered and must not"


def test_what_is_blocked_may_be_silent_and_nothing_else(seen):
    pair = seen("shop/api-abc-1", "shop/api-abc-2:8080")
    pair.outcomes[Outcome.BLOCKED] = 1
    assert pair.mismatch == ""
    pair.outcomes[Outcome.REFUSED] = 1
    assert pair.mismatch == "the wire says blocked 1 of 2, refused 1 of 2"


def test_with_affinity_one_endpoint_is_all_that_a_source_gets(objects, view):
    objects["services"][0]["spec"]["sessionAffinity"] = "ClientIP"
    made = view(objects)
    said = Expectations(made)
    found = {
        (pair.source.name, pair.target.name): Observation(pair, said.of(pair))
        for pair in pairs(sources(made, "lab", ()), targets(made, (), internet=False))
    }
    partly, whole = found["shop/api-abc-1", "shop/api:80"], found["shop/web", "shop/api:80"]
    partly.outcomes[Outcome.BLOCKED] = 4
    whole.outcomes[Outcome.OPEN] = 4
    whole.answered = {TWO}
    assert (partly.mismatch, whole.mismatch) == ("", "")
    partly.answered = {TWO}
    assert partly.mismatch == "10.244.2.3:8080 answered and must not"


def test_tries_grow_until_chance_is_no_excuse(seen):
    pair = seen("shop/web", "shop/api:80")
    made = []
    while (more := tries(pair)) > 0:
        made.append(more)
        pair.outcomes[Outcome.OPEN] += more
    assert made == [4, 12, 32]
    assert sum(made) == most_tries(pair)
    assert 2 * 0.5 ** most_tries(pair) < 1e-6
