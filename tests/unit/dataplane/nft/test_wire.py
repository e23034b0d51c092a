"""Netlink's framing, both ways."""

from dataplane.nft import wire


def test_attributes_are_padded_and_read_back():
    packed = wire.text(1, "ab") + wire.u32(2, 7) + wire.nested(3, wire.u32(1, 9))

    assert len(packed) % 4 == 0
    read = wire.attribute_map(packed)
    assert (wire.as_text(read[1]), wire.as_u32(read[2])) == ("ab", 7)
    assert wire.as_u32(wire.attribute_map(read[3])[1]) == 9


def test_messages_are_read_back_one_after_another():
    first = wire.message(0x0A00, wire.NLM_F_ACK, 1, 2, wire.u32(1, 5))
    second = wire.message(0x0A01, 0, 2, 10, b"")

    (kind, flags, sequence, payload), (other, *_rest) = wire.messages(first + second)

    assert (kind, flags, sequence) == (0x0A00, wire.NLM_F_REQUEST | wire.NLM_F_ACK, 1)
    assert payload[0] == 2
    assert wire.as_u32(wire.attribute_map(payload[4:])[1]) == 5
    assert other == 0x0A01


def test_a_broken_attribute_ends_the_reading():
    assert list(wire.attributes(b"\x02\0\1\0rest")) == []
