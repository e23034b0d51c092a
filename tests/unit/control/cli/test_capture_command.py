"""The last words of a capture are its filter, as with tcpdump."""

import pytest

from control.cli.capture_command import _split


@pytest.mark.parametrize(
    ("words", "places", "text"),
    [
        (("shop/web", "node-1"), ["shop/web", "node-1"], ""),
        (("shop/web", "tcp", "port", "80"), ["shop/web"], "tcp port 80"),
        (("shop/web", "tcp port 80"), ["shop/web"], "tcp port 80"),
        (("node-1/*", "not", "arp"), ["node-1/*"], "not arp"),
    ],
)
def test_a_filter_begins_at_its_first_keyword(words, places, text):
    assert _split(words, "") == (places, text)


def test_a_filter_that_was_named_takes_no_words():
    assert _split(("shop/web", "node-1"), "udp") == (["shop/web", "node-1"], "udp")
