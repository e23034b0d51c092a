"""Ports as tests write them."""

import pytest

from control.testkit.ports import ports_of


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (8080, [(8080, "TCP")]),
        ("53/UDP", [(53, "UDP")]),
        ([80, "53/UDP"], [(80, "TCP"), (53, "UDP")]),
        ((), []),
    ],
)
def test_a_number_is_of_tcp_unless_it_says_otherwise(written, meant):
    assert ports_of(written) == meant
