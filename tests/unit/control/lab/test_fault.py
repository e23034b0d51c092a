"""Faults as people ask for them."""

import pytest

from control.errors import FaultInvalid, SpecInvalid
from control.lab.fault import (
    Fault,
    as_json,
    checked,
    from_json,
    milliseconds_of,
    percent_of,
    rate_of,
    rate_text,
)
from control.lab.spec import LabSpec, default_nodes, parse_spec
from control.lab.spec_json import as_json as spec_as_json
from control.lab.spec_json import from_json as spec_from_json


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault("cut", ("node-1",)), "cut node-1"),
        (Fault("cut", ("a", "b")), "cut a b"),
        (Fault("lose", ("a",), percent=2.5), "lose a 2.5 %"),
        (Fault("throttle", ("a",), rate_bit=10_000_000), "throttle a 10mbit"),
        (Fault("delay", ("a",), delay_ms=20, jitter_ms=5), "delay a 20 ms ± 5 ms"),
        (Fault("pause", ("api",)), "pause api"),
    ],
)
def test_a_fault_is_one_line_and_survives_json(fault, text):
    assert str(checked(fault)) == text
    assert from_json(as_json(fault)) == fault


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault("cut", ()), "one place, or two"),
        (Fault("cut", ("a", "b", "c")), "not 3"),
        (Fault("pause", ("a", "b")), "one place"),
        (Fault("cut", ("a", "a")), "itself"),
        (Fault("lose", ("a",), percent=0), "0 is no percentage"),
        (Fault("lose", ("a",), percent=101), "101 is no percentage"),
        (Fault("lose", ("a",), percent=float("nan")), "nan is no percentage"),
        (Fault("throttle", ("a",), rate_bit=1), "no rate"),
        (Fault("delay", ("a",), delay_ms=0), "no delay"),
        (Fault("delay", ("a",), delay_ms=5, jitter_ms=6), "no more jitter"),
    ],
)
def test_what_can_t_be_is_refused_with_a_mend(fault, says):
    with pytest.raises(FaultInvalid, match=says) as told:
        checked(fault)
    assert told.value.exit_code == 2
    assert told.value.mend


def test_amounts_are_read_as_tc_reads_them():
    assert rate_of("10mbit") == 10_000_000
    assert rate_of("1.5Gbit") == 1_500_000_000
    assert rate_text(64_000) == "64kbit"
    assert percent_of("2.5%") == 2.5
    assert milliseconds_of("20ms") == 20
    for read, text in ((rate_of, "10"), (percent_of, "x"), (milliseconds_of, "1 s")):
        with pytest.raises(FaultInvalid):
            read(text)


def test_places_in_any_order_are_the_same_fault():
    assert Fault("cut", ("a", "b")).key == Fault("cut", ("b", "a")).key


def test_lab_yaml_takes_faults_as_data():
    spec = parse_spec(
        {
            "faults": [
                {"cut": ["node-1", "node-2"]},
                {"lose": "node-2", "percent": 5},
                {"throttle": "internet", "rate": "10mbit"},
                {"pause": "agents-node-1"},
            ]
        }
    )
    assert [str(fault) for fault in spec.faults] == [
        "cut node-1 node-2",
        "lose node-2 5 %",
        "throttle internet 10mbit",
        "pause agents-node-1",
    ]
    assert spec_from_json(spec_as_json(spec)) == spec
    old = spec_as_json(LabSpec(nodes=default_nodes(1)))
    del old["faults"]
    assert spec_from_json(old).faults == ()


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"cut": "node-9"}, r"faults\[0\].cut: there is no node-9"),
        ({"cut": "agents-node-1"}, "there is no agents-node-1"),
        ({"kill": "api"}, r"faults\[0\].kill: unknown field"),
        ({"percent": 5}, "is no fault"),
        ({"cut": "node-1", "pause": "node-1"}, "is 2 faults"),
        ({"lose": "node-1"}, r"faults\[0\].percent: is required"),
        ({"cut": "node-1", "percent": 5}, "says nothing of cut"),
        ({"lose": "node-1", "percent": "many"}, "no percentage"),
        ({"throttle": "node-1", "rate": 10}, "no rate"),
    ],
)
def test_a_wrong_fault_in_lab_yaml_names_its_field(entry, says):
    with pytest.raises(SpecInvalid, match=says) as told:
        parse_spec({"faults": [entry]})
    assert told.value.mend


def test_one_fault_twice_is_refused():
    with pytest.raises(SpecInvalid, match="stands twice"):
        parse_spec({"faults": [{"cut": ["node-1", "node-2"]}, {"cut": ["node-2", "node-1"]}]})
