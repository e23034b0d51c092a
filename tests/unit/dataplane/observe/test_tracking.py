"""A connection's entry from the kernel's message."""

import struct
from ipaddress import ip_address

from dataplane.model.address import HostPort
from dataplane.nft import wire
from dataplane.observe.tracking import Counts, parse

ANN, DOOR, SHOP = ip_address("10.244.2.3"), ip_address("10.96.0.20"), ip_address("10.244.1.2")


def _tuple(kind: int, source, destination, *proto: bytes) -> bytes:
    addresses = wire.attribute(1, source.packed) + wire.attribute(2, destination.packed)
    return wire.nested(kind, wire.nested(1, addresses), wire.nested(2, *proto))


def _ports(protocol: int, source: int, destination: int) -> tuple[bytes, ...]:
    pair = (wire.attribute(kind, port.to_bytes(2, "big")) for kind, port in ((2, source), (3, destination)))
    return wire.attribute(1, bytes([protocol])), *pair


def _message(*attributes: bytes) -> bytes:
    return struct.pack(">BBH", 2, 0, 0) + b"".join(attributes)


def _counts(kind: int, packets: int, size: int) -> bytes:
    return wire.nested(kind, *(wire.attribute(k, n.to_bytes(8, "big")) for k, n in ((1, packets), (2, size))))


def test_a_connection_to_a_service_with_its_translation_state_and_counts():
    entry = parse(_message(
        _tuple(1, ANN, DOOR, *_ports(6, 4000, 80)), _tuple(2, SHOP, ANN, *_ports(6, 8080, 4000)),
        wire.u32(3, 0x1 << 3 | 0x2 | 0x4), wire.nested(4, wire.nested(1, wire.attribute(1, b"\x03"))),
        _counts(9, 5, 400), _counts(10, 4, 900), wire.u32(12, 77),
        wire.nested(20, wire.attribute(1, (123).to_bytes(8, "big"))),
    ))  # fmt: skip
    assert entry is not None
    assert (entry.number, entry.protocol, entry.state, entry.began_ns) == (77, 6, "ESTABLISHED", 123)
    assert (entry.source, entry.asked) == (HostPort(ANN, 4000), HostPort(DOOR, 80))
    assert (entry.answers, entry.towards) == (HostPort(SHOP, 8080), HostPort(ANN, 4000))
    assert (entry.sent, entry.back) == (Counts(5, 400), Counts(4, 900))


def test_without_counting_and_without_an_answer():
    entry = parse(
        _message(
            _tuple(1, ANN, SHOP, *_ports(17, 5, 9)), _tuple(2, SHOP, ANN, *_ports(17, 9, 5)), wire.u32(3, 8)
        )
    )
    assert entry is not None
    assert (entry.state, entry.sent, entry.back, entry.began_ns) == ("unanswered", None, None, 0)


def test_an_echo_is_known_by_its_identifier():
    proto = wire.attribute(1, b"\x01"), wire.attribute(4, (7).to_bytes(2, "big"))
    entry = parse(_message(_tuple(1, ANN, SHOP, *proto), _tuple(2, SHOP, ANN, *proto), wire.u32(3, 2)))
    assert entry is not None
    assert (entry.source, entry.state) == (HostPort(ANN, 7), "answered")


def test_protocols_without_ports_are_left_out():
    proto = wire.attribute(1, b"\x2f")  # GRE
    assert parse(_message(_tuple(1, ANN, SHOP, proto), _tuple(2, SHOP, ANN, proto))) is None
