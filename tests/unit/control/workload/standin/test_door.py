"""Which protocol the first bytes of a connection speak."""

import pytest

from control.workload.standin.door import protocol_of

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (b"GET / HTTP/1.1\r\n", "http"),
        (b"POST /x HTTP/1.1\r\n", "http"),
        (b"PO", None),
        (b"P", None),
        (b"PRI * HT", None),
        (PREFACE, "http2"),
        (PREFACE + b"\0\0\0", "http2"),
        (b"*1\r\n$4\r\nPING\r\n", "redis"),
        (b"PING\r\n", "redis"),
        (b"PIN", None),
        (b"POND", "raw"),
        (b"\x16\x03\x01", "raw"),
        (b"hello", "raw"),
    ],
)
def test_the_first_bytes_decide(first, kind):
    assert protocol_of(first) == kind


def test_no_protocol_needs_more_than_its_first_line_to_be_known():
    for whole in (b"GET / HTTP/1.1\r\n", PREFACE, b"PING\r\n"):
        kinds = [protocol_of(whole[:length]) for length in range(1, len(whole) + 1)]
        known = [kind for kind in kinds if kind is not None]
        assert set(known) == {protocol_of(whole)}
