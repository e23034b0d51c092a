"""What every container is built from, as far as it can be told without changing the process."""

import pytest

from control.workload.machine import DEFAULT_CAPABILITIES, capability_numbers, hidden_paths
from dataplane.errors import KernelError


def test_homes_sockets_and_the_labs_directory_are_hidden_once_each():
    hidden = hidden_paths("/srv/labs")
    for path in ("/run", "/tmp", "/root", "/home", "/srv/labs"):
        assert path in hidden
    assert not any(a != b and a.startswith(b + "/") for a in hidden for b in hidden)
    assert "/" not in hidden


def test_a_home_below_a_hidden_directory_needs_no_row_of_its_own():
    assert "/tmp/labs" not in hidden_paths("/tmp/labs")


def test_capabilities_have_the_kernel_s_numbers():
    assert sum(1 << n for n in capability_numbers(DEFAULT_CAPABILITIES)) == 0xA00025FB
    with pytest.raises(KernelError, match="FLY"):
        capability_numbers(("FLY",))
