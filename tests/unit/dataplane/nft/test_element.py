"""Keys and elements: packing, ranges, comments."""

from ipaddress import IPv4Network

import pytest

from dataplane.nft import datatype as t
from dataplane.nft.element import Element, Key, comment_of, comment_userdata, interval_parts
from dataplane.nft.field import IP_DADDR, L4PROTO, TH_DPORT
from dataplane.nft.ruleset import Set
from dataplane.nft.statement import Between, goto
from dataplane.nft.wire import as_u32, attribute_map, attributes

SERVICE = Key.typeof(IP_DADDR, L4PROTO, TH_DPORT)


def test_each_field_of_a_concatenation_is_padded_to_four_bytes():
    packed = SERVICE.pack(("10.96.0.1", "tcp", 80))

    assert packed == bytes([10, 96, 0, 1]) + b"\x06\0\0\0" + b"\0\x50\0\0"
    assert SERVICE.size == len(packed) == 12


def test_a_key_of_one_field_is_not_padded():
    assert Key.of(t.INET_SERVICE).pack((80,)) == b"\0\x50"


def test_a_concatenations_type_number_has_six_bits_a_field():
    assert SERVICE.number == (7 << 12) | (12 << 6) | 13


def test_a_key_shows_its_values_as_nft_does():
    assert SERVICE.show(SERVICE.pack(("10.96.0.1", "udp", 53))) == "10.96.0.1 . udp . 53"


def test_a_wrong_number_of_values_is_refused():
    with pytest.raises(ValueError, match="2 values for a key of 3 fields"):
        SERVICE.pack(("10.96.0.1", 80))


def test_two_elements_that_differ_in_their_comments_only_are_equal():
    key = SERVICE.pack(("10.96.0.1", "tcp", 80))

    assert Element(key, goto("a"), comment="one") == Element(key, goto("a"), comment="two")
    assert Element(key, goto("a")) != Element(key, goto("b"))


def test_a_comment_is_kept_and_cut_to_128_bytes_with_its_end():
    assert comment_of(comment_userdata("Service default/web")) == "Service default/web"
    cut = comment_userdata("ü" * 100)
    assert len(cut) <= 2 + 128
    assert comment_of(cut) == "ü" * 63


def test_a_network_becomes_a_range_in_an_interval_set():
    ranges = Set("r", Key.of(t.IPV4_ADDR), interval=True)

    element = ranges.element(IPv4Network("10.0.0.0/8"))

    assert (element.key, element.end) == (bytes([10, 0, 0, 0]), bytes([10, 255, 255, 255]))


def test_a_range_of_one_value_has_no_end():
    ranges = Set("r", Key.of(t.INET_SERVICE), interval=True)

    assert ranges.element(80) == ranges.element(Between(80, 80)) == Element(b"\0\x50")


def test_every_field_of_a_concatenated_range_has_both_ends():
    ranges = Set("r", Key.of(t.IPV4_ADDR, t.INET_SERVICE), interval=True)

    element = ranges.element(IPv4Network("10.0.0.0/24"), Between(80, 90))

    assert element.key == bytes([10, 0, 0, 0, 0, 80, 0, 0])
    assert element.end == bytes([10, 0, 0, 255, 0, 90, 0, 0])


def test_a_simple_range_is_a_start_and_an_open_end_after_it():
    start, end = (
        attribute_map(next(attributes(part))[1])
        for part in interval_parts([Element(b"\0\x50", end=b"\0\x5a")])
    )

    assert attribute_map(start[1])[1] == b"\0\x50"
    assert attribute_map(end[1])[1] == b"\0\x5b"
    assert as_u32(end[3]) == 1


def test_a_range_up_to_the_last_value_has_no_end_element():
    assert len(interval_parts([Element(b"\xf0\0", end=b"\xff\xff")])) == 1
