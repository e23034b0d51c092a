"""The kernel's reasons in podwire's words."""

import pytest

from control.explain.causes import REASONS, Cause, is_ordinary, meaning


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("NETFILTER_DROP", Cause.FOREIGN_RULE), ("IP_RPFILTER", Cause.RP_FILTER), ("IP_INNOROUTES", Cause.NO_ROUTE),
        ("IP_OUTNOROUTES", Cause.NO_ROUTE), ("NO_SOCKET", Cause.NO_LISTENER), ("PKT_TOO_BIG", Cause.MTU),
        ("NEIGH_FAILED", Cause.DEAD_LINK), ("NEIGH_QUEUEFULL", Cause.QUEUE), ("QDISC_DROP", Cause.QUEUE),
        ("FULL_RING", Cause.QUEUE), ("SOCKET_RCVBUFF", Cause.QUEUE), ("TCP_OVERWINDOW", Cause.CONNECTION),
        ("UDP_CSUM", Cause.CHECKSUM), ("NOT_SPECIFIED", Cause.UNKNOWN),
    ],
)  # fmt: skip
def test_each_reason_has_its_cause(reason, cause):
    assert meaning(reason, "f")[0] is cause


def test_a_bad_header_and_a_ttl_that_ran_out_share_a_reason():
    assert meaning("IP_INHDR", "ip_forward", ttl=1)[0] is Cause.TTL
    assert meaning("IP_INHDR", "ip_rcv_core", ttl=64)[0] is Cause.HEADER


def test_no_reason_is_told_with_the_function():
    assert "br_pass_frame_up" in meaning("NOT_SPECIFIED", "br_pass_frame_up")[1]


def test_what_is_no_loss_has_no_cause():
    assert is_ordinary("TCP_OLD_SEQUENCE")
    assert not [reason for reason in REASONS if is_ordinary(reason)]
