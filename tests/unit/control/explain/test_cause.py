"""Exactly one cause for each loss."""

import errno

import pytest

from control.explain.causes import Cause
from tests.unit.control.explain.journeys import (
    DB_NETNS,
    FAR_NODE,
    NODE,
    WEB_NETNS,
    answer,
    chains,
    death,
    error,
    fate,
    judged,
    seen,
)

LEFT = seen(0, WEB_NETNS, "out")
ARRIVED = (LEFT, seen(1, NODE, "in", link="veth1"), seen(9, DB_NETNS, "in"))


def test_an_answer_that_comes_home_is_a_delivery(atlas):
    found = fate(atlas, *ARRIVED, answer(10, DB_NETNS, "out"), answer(19, WEB_NETNS, "in"))
    assert (found.delivered, found.answered, found.cause, found.place) == (True, True, None, "shop/db")


def test_a_reset_is_no_listener(atlas):
    found = fate(atlas, *ARRIVED, answer(10, DB_NETNS, "out", "RA"), answer(19, WEB_NETNS, "in", "RA"))
    assert (found.delivered, found.cause, found.place) == (False, Cause.NO_LISTENER, "shop/db")


def test_an_answer_that_dies_on_its_way_leaves_the_request_delivered(atlas):
    found = fate(atlas, *ARRIVED, answer(10, DB_NETNS, "out"), answer(12, FAR_NODE, "in"))
    assert (found.delivered, found.answered, found.cause, found.place) == (
        True, False, Cause.ANSWER_LOST, "node-2",
    )  # fmt: skip


def test_silence_at_the_destination_is_a_delivery_without_an_answer(atlas):
    found = fate(atlas, *ARRIVED)
    assert (found.delivered, found.answered, found.said) == (True, False, "no answer came")


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENETUNREACH, Cause.NO_ROUTE),
        (errno.EMSGSIZE, Cause.MTU),
        (errno.ENETDOWN, Cause.DEAD_LINK),
        (errno.EINVAL, Cause.UNKNOWN),
    ],
)
def test_a_send_that_the_kernel_refuses(atlas, number, cause):
    found = fate(atlas, refused=number)
    assert (found.cause, found.place) == (cause, "shop/web")


@pytest.mark.parametrize(
    ("kind", "code", "protocol", "cause"),
    [
        (11, 0, "icmp", Cause.TTL),
        (3, 4, "icmp", Cause.MTU),
        (3, 3, "icmp", Cause.NO_LISTENER),
        (3, 1, "icmp", Cause.NO_ROUTE),
        (3, 0, "icmpv6", Cause.TTL),
        (2, 0, "icmpv6", Cause.MTU),
        (1, 4, "icmpv6", Cause.NO_LISTENER),
        (1, 0, "icmpv6", Cause.NO_ROUTE),
    ],
)
def test_an_icmp_error_names_the_cause(atlas, kind, code, protocol, cause):
    found = fate(atlas, LEFT, seen(1, NODE, "in", link="veth1"), error(2, NODE, kind, code, protocol))
    assert (found.cause, found.place) == (cause, "node-1")


@pytest.mark.parametrize(
    ("reason", "where", "cause"),
    [
        ("NEIGH_FAILED", "neigh_invalidate", Cause.DEAD_LINK),
        ("NOT_SPECIFIED", "neigh_invalidate", Cause.DEAD_LINK),
        ("IP_RPFILTER", "ip_rcv_finish_core", Cause.RP_FILTER),
    ],
)
def test_the_kernels_word_is_the_cause_even_where_no_link_saw_the_packet(atlas, reason, where, cause):
    assert fate(atlas, death(5, NODE, reason, where)).cause is cause


def test_a_copy_that_a_bridge_flooded_is_no_loss(atlas):
    found = fate(atlas, *ARRIVED, death(5, DB_NETNS, "OTHERHOST", "ip_rcv"))
    assert found.delivered


@pytest.mark.parametrize(
    ("table", "chain", "comment", "cause"),
    [
        ("podwire-policy", "in.shop/db", "default deny ingress: shop/db", Cause.POLICY),
        ("podwire-policy", "unknown", "", Cause.NOT_KNOWN_YET),
        ("podwire-guard", "pods", "forged", Cause.FORGED),
        ("podwire-services", "unserved", "", Cause.LOCAL_ONLY),
        ("mine", "drops", "by hand", Cause.FOREIGN_RULE),
    ],
)
def test_a_rule_that_drops_names_the_cause(atlas, table, chain, comment, cause):
    found = fate(
        atlas, LEFT, judged(NODE, table, chain, 1), rulesets={NODE: chains(table, chain, ((), comment))}
    )
    assert (found.delivered, found.cause, found.place) == (False, cause, "node-1")
    assert comment in found.said


@pytest.mark.parametrize(
    ("address", "port", "cause", "said"),
    [
        ("10.96.0.20", 443, Cause.UNDEFINED_PORT, "Service shop/db has no port 443"),
        ("10.96.0.99", 80, Cause.UNALLOCATED, "10.96.0.99"),
    ],
)
def test_a_refusal_without_an_entry_of_its_own(atlas, address, port, cause, said):
    refuse = chains("podwire-services", "refuse", ((), ""), ((), ""))
    step = judged(NODE, "podwire-services", "refuse", 2, to=address, port=port)
    found = fate(atlas, LEFT, step, rulesets={NODE: refuse})
    assert found.cause is cause
    assert said in found.said


@pytest.mark.parametrize(
    ("address", "cause"), [("10.96.0.20", Cause.UNDEFINED_PORT), ("10.96.0.99", Cause.UNALLOCATED)]
)
def test_an_echo_to_a_cluster_ip_is_refused_by_podwire_itself(atlas, address, cause):
    step = judged(NODE, "podwire-services", "untranslated", 1, to=address, port=0, protocol=1)
    found = fate(atlas, LEFT, step, to="svc/db", protocol="icmp")
    assert (found.cause, found.place) == (cause, "node-1")


def test_the_first_rule_of_refuse_is_conntracks_invalid(atlas):
    refuse = chains("podwire-services", "refuse", ((), ""), ((), ""))
    step = judged(NODE, "podwire-services", "refuse", 1)
    assert fate(atlas, LEFT, step, rulesets={NODE: refuse}).cause is Cause.INVALID


def test_what_left_and_came_in_nowhere_met_a_dead_link(atlas):
    found = fate(atlas, LEFT, seen(1, NODE, "in", link="veth1"), seen(2, NODE, "out"))
    assert (found.cause, found.place) == (Cause.DEAD_LINK, "node-1")
    assert "left eth0 of node-1" in found.said


def test_what_a_bridge_sent_to_all_met_a_dead_link_there(atlas):
    fabric = "podwire-t-fabric"
    copy = seen(4, FAR_NODE, "in", strange=True, next_hop="0a:58:0a:00:01:0b")
    steps = (LEFT, seen(2, fabric, "in", link="node-1"), seen(3, fabric, "out", link="node-2"), copy)
    found = fate(atlas, *steps)
    assert (found.cause, found.place) == (Cause.DEAD_LINK, "fabric")
    assert "(node node-2)" in found.said


def test_a_count_that_rose_stands_for_the_cause_where_nothing_else_told(atlas):
    found = fate(atlas, LEFT, seen(1, NODE, "in"), rises={NODE: {"TcpExt.IPReversePathFilter": 1}})
    assert (found.cause, found.place) == (Cause.RP_FILTER, "node-1")


def test_a_trace_without_any_word_says_so(atlas):
    found = fate(atlas, LEFT, seen(1, NODE, "in", link="veth1"))
    assert found.cause is Cause.UNKNOWN
    assert "counted no reason" in found.said
