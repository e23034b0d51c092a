"""Drops, explained with the names of a cluster."""

from ipaddress import ip_address

import pytest

from control.explain.causes import Cause
from control.explain.loss_text import Board, as_json, live_line
from control.explain.losses import Judge, Loss
from dataplane.ebpf.drops import KernelDrop
from dataplane.observe import craft

WEB, DB = ip_address("10.244.1.2"), ip_address("10.244.2.3")
SERVICE, EMPTY = ip_address("10.96.0.20"), ip_address("10.96.0.30")
NODE, INODE = "podwire-t-node-1", 7


@pytest.fixture
def judged(atlas):
    """``judged("NO_SOCKET", packet)``: a drop at node-1 as a loss."""

    def judge(reason: str, packet: bytes, netns: int = INODE) -> Loss:
        drop = KernelDrop(1_000_000_000, netns, "cni0", reason, "some_function", len(packet), packet)
        return Judge(atlas, {INODE: NODE}).loss(drop)

    return judge


def _syn(target, port=8080, flags="S") -> bytes:
    return craft.tcp(craft.Ends(WEB, target), 4000, port, flags)


def test_place_ends_and_the_kernels_words(judged):
    loss = judged("IP_RPFILTER", _syn(DB))
    assert (loss.place, loss.cause, loss.source, loss.target) == (
        "node-1",
        Cause.RP_FILTER,
        "shop/web",
        "shop/db:8080",
    )
    said = live_line(loss)
    assert (
        "node-1:cni0  rp_filter  shop/web:4000 → shop/db:8080 tcp S  (IP_RPFILTER in some_function)" in said
    )


@pytest.mark.parametrize(
    ("target", "port", "cause", "obj"),
    [
        (EMPTY, 80, Cause.NO_ENDPOINTS, "Service shop/empty"),
        (SERVICE, 81, Cause.UNDEFINED_PORT, "Service shop/db"),
        (ip_address("10.96.0.99"), 80, Cause.UNALLOCATED, ""),
        (DB, 8080, Cause.POLICY, "NetworkPolicy shop/db-only"),
        (ip_address("10.244.2.77"), 80, Cause.NOT_KNOWN_YET, ""),
    ],
)
def test_a_packet_filters_drop_has_the_object_that_says_so(judged, target, port, cause, obj):
    loss = judged("NETFILTER_DROP", _syn(target, port))
    assert (loss.cause, loss.obj) == (cause, obj)


def test_what_the_policies_allow_was_dropped_by_a_stranger(judged):
    assert judged("NETFILTER_DROP", _syn(ip_address("192.0.2.9"), 80)).cause is Cause.FOREIGN_RULE


def test_nobody_listens_says_that_it_was_refused(judged):
    assert judged("NO_SOCKET", _syn(DB)).said.endswith("refused by a reset (RST)")


def test_what_nobody_misses_is_marked_and_a_namespace_that_is_gone_is_said(judged):
    loss = judged("TCP_OLD_SEQUENCE", _syn(DB), netns=99)
    assert loss.ordinary
    assert loss.place == "a namespace that is gone (99)"


def test_json_has_names_and_addresses(judged):
    said = as_json(judged("NETFILTER_DROP", _syn(EMPTY, 80)))
    assert (said["place"], said["reason"], said["object"]) == ("node-1", "no endpoints", "Service shop/empty")
    assert (said["from"], said["to"], said["destination"]) == (
        "shop/web",
        "Service shop/empty:80",
        "10.96.0.30",
    )
    assert "ordinary" not in said


def test_the_board_adds_up_latest_first_and_forgets_the_oldest(judged):
    board = Board(most=2)
    one, two, three = (judged("NO_SOCKET", _syn(DB, port)) for port in (1, 2, 3))
    board.add([one, two, one])
    rows = board.text().splitlines()
    assert ":1 " in rows[1]
    assert ":2 " in rows[2]
    board.add([three])
    assert "1 packets of the oldest rows are no longer shown" in board.text()
    assert Board().text().splitlines()[-1] == "(nothing was dropped)"
