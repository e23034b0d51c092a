"""nft's text beyond single statements: priorities by name, order and line breaks of elements."""

import pytest

from dataplane.nft import datatype as t
from dataplane.nft.element import Key
from dataplane.nft.ruleset import Hook, Set
from dataplane.nft.text import elements_text, priority_text


@pytest.mark.parametrize(
    ("hook", "family", "text"),
    [
        (Hook("nat", "prerouting", -100), "inet", "dstnat"),
        (Hook("nat", "output", -100), "inet", "-100"),
        (Hook("filter", "prerouting", -90), "inet", "dstnat + 10"),
        (Hook("filter", "forward", 10), "inet", "filter + 10"),
        (Hook("filter", "forward", -5), "inet", "filter - 5"),
        (Hook("nat", "postrouting", 100), "inet", "srcnat"),
        (Hook("filter", "prerouting", -300), "inet", "raw"),
        (Hook("filter", "prerouting", -300), "bridge", "dstnat"),
        (Hook("filter", "forward", -200), "bridge", "filter"),
        (Hook("filter", "forward", 30), "inet", "30"),
    ],
)
def test_a_priority_is_shown_by_the_nearest_name_that_the_hook_has(hook, family, text):
    assert priority_text(hook, family) == text


def test_ipv4_addresses_stand_two_a_line_in_order():
    addresses = Set("s", Key.of(t.IPV4_ADDR))
    filled = addresses.with_elements([addresses.element(f"10.0.0.{n}") for n in (3, 1, 2)])

    assert elements_text(filled) == "10.0.0.1, 10.0.0.2,\n\t\t\t     10.0.0.3"


def test_a_concatenation_is_sorted_from_its_last_field():
    pairs = Set("s", Key.of(t.IPV4_ADDR, t.INET_SERVICE))
    filled = pairs.with_elements([pairs.element("10.0.0.1", 443), pairs.element("10.0.0.2", 80)])

    assert elements_text(filled) == "10.0.0.2 . 80,\n\t\t\t     10.0.0.1 . 443"
