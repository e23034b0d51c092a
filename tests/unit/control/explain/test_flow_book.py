"""Entries of several nodes, joined into connections."""

from dataclasses import replace
from ipaddress import ip_address

from control.explain.flow_book import FlowBook, join
from dataplane.model.address import HostPort
from dataplane.observe.tracking import Change, Counts, Tracked

ANN, DOOR = HostPort(ip_address("10.244.2.3"), 4000), HostPort(ip_address("10.96.0.20"), 80)
SHOP, NODE = HostPort(ip_address("10.244.1.2"), 8080), HostPort(ip_address("10.244.2.0"), 4000)
OUTSIDE, PORT = HostPort(ip_address("198.51.100.7"), 4000), HostPort(ip_address("10.0.1.11"), 30080)


def _entry(number: int, source, asked, answers, towards, **more) -> Tracked:
    return Tracked(number, 6, source, asked, answers, towards, "ESTABLISHED", **more)


def test_a_service_on_another_node_is_one_connection_with_both_nodes_in_the_packets_order():
    far = _entry(1, ANN, SHOP, SHOP, ANN, began_ns=5)
    near = _entry(1, ANN, DOOR, SHOP, ANN, began_ns=9, sent=Counts(3, 180))

    (one,) = join([("node-1", far), ("node-2", near)])

    assert (one.client, one.asked, one.answers, one.seen_as) == (ANN, DOOR, SHOP, ANN)
    assert (one.nodes, one.sent) == (("node-2", "node-1"), Counts(3, 180))


def test_a_masqueraded_connection_keeps_its_client():
    first = _entry(1, OUTSIDE, PORT, SHOP, NODE, began_ns=1)
    then = _entry(8, NODE, SHOP, SHOP, NODE, began_ns=2)

    (one,) = join([("node-2", first), ("node-1", then)])

    assert (one.client, one.asked, one.answers, one.seen_as) == (OUTSIDE, PORT, SHOP, NODE)
    assert one.nodes == ("node-2", "node-1")


def test_pod_to_pod_stands_in_the_order_in_which_it_began():
    entry = _entry(1, ANN, SHOP, SHOP, ANN)
    (one,) = join([("node-1", replace(entry, began_ns=7)), ("node-2", replace(entry, began_ns=6))])
    assert one.nodes == ("node-2", "node-1")


def test_two_connections_of_one_client_stay_two():
    other = HostPort(ANN.address, 4001)
    found = join([
        ("node-2", _entry(1, ANN, DOOR, SHOP, ANN)), ("node-2", _entry(2, other, DOOR, SHOP, other)),
        ("node-1", _entry(1, ANN, SHOP, SHOP, ANN)), ("node-1", _entry(2, other, SHOP, SHOP, other)),
    ])  # fmt: skip
    assert [(one.client.port, len(one.nodes)) for one in found] == [(4000, 2), (4001, 2)]


def test_loopback_is_nobodys():
    here = HostPort(ip_address("127.0.0.1"), 1)
    assert join([("node-1", _entry(1, here, here, here, here))]) == []


def test_it_ends_when_no_node_tracks_it_any_more_and_keeps_its_counts():
    book = FlowBook()
    near, far = _entry(1, ANN, DOOR, SHOP, ANN), _entry(2, ANN, SHOP, SHOP, ANN)
    book.hear("node-2", [(Change.NEW, near)], 10)
    book.hear("node-1", [(Change.NEW, far)], 11)
    book.read("node-2", [replace(near, sent=Counts(9, 900))], 12)
    assert [one.sent for one in book.connections()] == [Counts(9, 900)]

    book.hear("node-2", [(Change.END, near)], 20)
    _, (ended,) = book.take()
    assert (ended.asked, ended.sent, ended.began_ns) == (DOOR, Counts(9, 900), 10)
    assert book.take() == (book.connections(), [])


def test_what_ended_unheard_is_missed_in_the_next_listing():
    book = FlowBook()
    book.read("node-2", [_entry(1, ANN, DOOR, SHOP, ANN)], 1)
    book.read("node-2", [], 2)
    alive, ended = book.take()
    assert alive == []
    assert [one.asked for one in ended] == [DOOR]
