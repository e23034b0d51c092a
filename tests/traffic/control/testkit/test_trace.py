"""`lab.trace`, its matchers, and what else the kit shares with the command line."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from control.errors import FaultInvalid, NoSuchPlace
from control.lab.directory import LabDirectory
from control.testkit.trace import delivered, explain, lost_by
from dataplane.netns import create
from dataplane.netns.names import lab_of

pytestmark = pytest.mark.root


def test_a_trace_is_delivered_or_lost_by_one_cause(lab, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port=80, target=8080)

    assert lab.trace(ann, door, family=family) == delivered(to=shop)
    assert lab.trace("ann", "svc/door", family=family) == delivered()
    assert lab.trace(ann, shop, 9, family=family) == lost_by("no listener", at=shop)


def test_an_outcome_that_came_otherwise_tells_with_the_trace(lab):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")

    report = lab.trace(ann, shop, 8080)

    assert report != lost_by("default deny")
    assert report != delivered(to=ann)
    told = explain(report, lost_by("default deny"))
    assert told is not None
    assert told[0] == f"expected lost_by('default deny'): it was delivered to {lab.namespace}/shop"
    assert any("vxlan1" in line for line in told)


def test_a_fault_lasts_for_its_block(lab, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")

    with lab.fault("cut", ann, shop) as fault:
        assert not ann.can_connect(shop.ip[family], 8080)
        assert str(fault.fault) == f"cut {lab.namespace}/ann {lab.namespace}/shop"
    assert ann.can_connect(shop.ip[family], 8080, timeout_s=5)
    fault.heal()  # ended already: fine
    with pytest.raises(FaultInvalid):
        lab.fault("lose", ann)
    with pytest.raises(NoSuchPlace):
        lab.fault("cut", "nobody")


def test_a_capture_is_a_file_for_the_block(lab, family, tmp_path):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    file = tmp_path / "shop.pcapng"

    with lab.capture(ann, shop, to=file, filter="tcp port 8080") as captured:
        ann.connect(shop.ip[family], 8080).close()

    assert file.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"
    assert [count.spot.name for count in captured.counts] == [
        f"{lab.namespace}/ann:eth0",
        f"{lab.namespace}/shop:eth0",
    ]
    assert all(count.received >= 3 for count in captured.counts)
    with pytest.raises(NoSuchPlace), lab.capture("nobody", to=file):
        pass


def test_a_lab_shows_itself_as_its_map(lab):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")

    picture = lab.map(lab.trace(ann, shop, 8080))

    assert ET.fromstring(picture._repr_svg_()).tag.endswith("svg")
    assert "<polyline" in picture.svg
    assert f"{lab.namespace}/shop" in lab._repr_svg_()


def test_verify_is_the_command_lines(lab):
    lab.pod("shop", node="node-1", listens=8080)
    report = lab.verify(lab.namespace)
    assert report.mismatches == ()
    assert "mismatches" in report.summary


def test_podwire_lab_brings_one_up_and_takes_it_down_in_a_notebooks_loop():
    script = """
import asyncio, podwire
from control.testkit.trace import delivered

async def cell():
    with podwire.Lab(workers=1) as lab:
        shop, ann = lab.pod("shop", node="node-1", listens=8080), lab.pod("ann", node="cp")
        assert lab.trace(ann, shop, 8080) == delivered(to=shop)
        with lab.fault("cut", "node-1"):
            assert lab.trace(ann, shop, 8080) != delivered()
        assert lab._repr_svg_().startswith("<svg")
        print(lab.name)

asyncio.run(cell())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert not LabDirectory.of(done.stdout.strip()).exists()
    assert [name for name in create.listing() if lab_of(name) == done.stdout.strip()] == []
