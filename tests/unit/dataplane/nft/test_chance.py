"""Going on by chance."""

import pytest

from dataplane.nft.chance import Chance
from dataplane.nft.expression import Lowering


@pytest.mark.parametrize(("percent", "below"), [(50, 5000), (0.01, 1), (99.99, 9999), (2.5, 250)])
def test_it_prints_as_nft_and_compares_in_network_order(percent, below):
    chance = Chance(percent)
    low = Lowering("inet")
    chance.lower(low)

    assert chance.text == f"numgen random mod 10000 < {below}"
    assert below.to_bytes(4, "big") in low.packed()
    assert b"byteorder" in low.packed()
