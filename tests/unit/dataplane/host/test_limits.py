"""Limits are compared with what the lab needs, and the mend raises them far enough."""

import re
import subprocess
import sys

from dataplane.host.limits import Limit, Need, check, read


def test_a_small_lab_fits_on_a_machine_with_the_usual_limits():
    assert check(Need(nodes=3, pods=100)) == []


def test_a_lab_that_is_too_big_is_told_each_limit_with_its_value_and_need():
    reached = check(Need(nodes=1000, pods=10_000_000))

    assert reached
    for error in reached:
        assert re.search(r"is \d+, \d+ are in use, and the lab needs \d+ more", error.what)


def test_what_the_mend_sets_is_enough():
    for limit in read(Need(nodes=1000, pods=10_000_000)):
        raised = int(re.findall(r"\d+", limit.mend)[-1])
        assert raised >= limit.in_use + limit.needed


def test_a_limit_that_is_just_enough_is_not_reached():
    assert not Limit("pids", value=100, in_use=40, needed=60, mend="").reached
    assert Limit("pids", value=100, in_use=41, needed=60, mend="").reached


def test_a_process_may_open_as_many_files_as_the_machine_lets_it():
    program = (
        "import resource; from dataplane.host.limits import raise_open_files\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))\n"
        "print(raise_open_files() == hard == resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )

    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "True\n"
