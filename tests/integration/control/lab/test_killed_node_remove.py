"""A `node remove` killed at any moment: the same command again, `node add` of the name, or `up` finishes it."""

import json
import time
from collections.abc import Callable

import pytest

from dataplane.netns import create
from dataplane.netns.sweep import of_lab

pytestmark = pytest.mark.root

LAB = "tdgone"
NODE = f"podwire-{LAB}-extra"


def spec(cli) -> dict:
    return json.loads((cli.home / LAB / "lab.json").read_text())


def drains(cli) -> bool:
    return "true" in cli.kubectl("get", "node", "extra", "-o", "jsonpath={.spec.unschedulable}")


def is_noted(cli) -> bool:
    return spec(cli)["leaving"] == ["extra"]


def has_lost_its_namespace(cli) -> bool:
    return not create.is_there(NODE)


MOMENTS: dict[str, Callable[..., bool]] = {
    "at once": lambda _cli: True,
    "while its pods go": drains,
    "noted as leaving": is_noted,
    "without a namespace": has_lost_its_namespace,
}


class Machine:
    """The command line of one lab."""

    def __init__(self, cli) -> None:
        self.run, self.home = cli, cli.home

    def kubectl(self, *words: str) -> str:
        return self.run("kubectl", "--name", LAB, *words)

    def remove_killed(self, moment: Callable[..., bool]) -> None:
        """The command, with SIGKILL as soon as the moment has come; it may be done by then."""
        process = self.run.start("node", "remove", "--name", LAB, "extra")
        deadline = time.monotonic() + 60
        while process.poll() is None and not moment(self):
            assert time.monotonic() < deadline
        process.kill()
        process.communicate(timeout=60)


def gone(cli) -> None:
    """Nothing of the node is left anywhere, and nothing is noted."""
    assert "extra" not in cli.kubectl("get", "nodes,leases", "-A")
    assert [name for name in of_lab(LAB) if "extra" in name] == []
    assert [path for path in (cli.home / LAB).rglob("*extra*") if path.suffix != ".log"] == []
    assert spec(cli)["leaving"] == []


def again(cli) -> None:
    """The same command."""
    cli.run("node", "remove", "--name", LAB, "extra")


def up(cli) -> None:
    """`up`: a removal that had only begun to drain leaves the lab its node, and is asked for again."""
    cli.run("up", "--name", LAB)
    if is_in_the_plan(cli):
        assert "extra" in cli.kubectl("get", "nodes")
        again(cli)


def add(cli) -> None:
    """`node add` of the same name: told that it is there, or there anew and not cordoned."""
    if is_in_the_plan(cli):
        assert "a node extra already" in cli.run("node", "add", "--name", LAB, "extra", exits=2)
    else:
        cli.run("node", "add", "--name", LAB, "extra")
        assert cli.kubectl("get", "node", "extra", "-o", "jsonpath={.spec.unschedulable}") == ""
    again(cli)


def is_in_the_plan(cli) -> bool:
    return any(node["name"] == "extra" for node in spec(cli)["spec"]["nodes"])


def test_whoever_comes_next_finishes_it(cli):
    machine = Machine(cli)
    cli("up", "--name", LAB, "--workers", "1")
    for moment, mend in (
        ("at once", add),
        ("while its pods go", up),
        ("noted as leaving", again),
        ("noted as leaving", add),
        ("noted as leaving", up),
        ("without a namespace", again),
        ("without a namespace", add),
        ("without a namespace", up),
    ):
        cli("node", "add", "--name", LAB, "extra")
        machine.remove_killed(MOMENTS[moment])
        if (
            is_in_the_plan(machine) or spec(machine)["leaving"] or mend is not again
        ):  # else it was done already
            mend(machine)
        gone(machine)
