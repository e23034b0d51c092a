"""Filters through libpcap."""

import pytest

from dataplane.errors import FilterInvalid
from dataplane.observe.bpf_filter import compile_filter


def test_a_filter_is_eight_bytes_an_instruction():
    program = compile_filter("tcp port 80")
    assert program.text == "tcp port 80"
    assert len(program.code) % 8 == 0
    assert len(program.code) > 8 * 4


def test_what_libpcap_can_not_parse_is_refused_in_its_own_words():
    with pytest.raises(FilterInvalid) as refused:
        compile_filter("tcp prot 80")
    assert "syntax error" in refused.value.what
    assert refused.value.exit_code == 2
