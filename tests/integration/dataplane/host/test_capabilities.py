"""What this kernel can, found by trying."""

import os
import subprocess
import sys
import time

import pytest

from dataplane.host import untouched
from dataplane.host.capabilities import probe
from dataplane.netns.create import listing

pytestmark = pytest.mark.root


def test_the_kernel_that_runs_these_tests_can_all_that_a_lab_needs():
    found = probe()

    assert found.missing() == []
    assert os.uname().release.startswith(f"{found.kernel[0]}.{found.kernel[1]}")


def test_trying_is_quick():
    """Processor time, which others on the machine do not lengthen: 5 ms were seen."""
    began = time.process_time()

    probe()

    assert time.process_time() - began < 0.06


def test_trying_changes_nothing_and_leaves_nothing():
    before, namespaces = untouched.snapshot(), [name for name in listing() if "try" in name]

    probe()

    assert before.differences(untouched.snapshot()) == []
    assert [name for name in listing() if "try" in name] == namespaces


def test_without_root_it_says_that_root_is_missing():
    program = (
        "import os; from dataplane.host.capabilities import probe\n"
        "os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)\n"
        "print(*(type(missing).__name__ for missing in probe().missing()))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["NoNamespaces"]
