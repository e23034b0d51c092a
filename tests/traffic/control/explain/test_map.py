"""`podwire map` of a real lab."""

import os
import subprocess
import xml.etree.ElementTree as ET

import pytest

pytestmark = pytest.mark.root


def _map(lab, *words: str) -> str:
    done = subprocess.run(
        ["podwire", "map", "--name", lab.name, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ET.fromstring(done.stdout)
    return done.stdout


def test_pods_stand_in_their_nodes_and_a_cut_cable_is_seen(lab):
    lab.pod("shop", node="node-1", listens=8080)

    whole = _map(lab)
    lab.fabric.run("ip", "link", "set", "node-1", "down")
    try:
        cut = _map(lab)
    finally:
        lab.fabric.run("ip", "link", "set", "node-1", "up")

    assert f"{lab.namespace}/shop" in whole
    assert whole.count("stroke-dasharray") == 0
    assert cut.count("stroke-dasharray") == 1


def test_a_packets_way_is_drawn_over_it(lab):
    lab.pod("shop", node="node-1", listens=8080)
    lab.pod("ann", node="node-2")
    here = lab.namespace

    picture = _map(lab, "--trace", f"{here}/ann {here}/shop:8080")

    assert "<polyline" in picture
    assert f"{here}/ann → {here}/shop: delivered" in picture


def test_what_root_draws_and_captures_is_given_to_who_called_sudo(lab, tmp_path):
    lab.pod("shop", node="node-1")
    caller = {**os.environ, "SUDO_UID": "65534", "SUDO_GID": "65534"}
    files = tmp_path / "lab.svg", tmp_path / "shop.pcapng"

    for words in (
        ("map", "-w", str(files[0])),
        ("capture", f"{lab.namespace}/shop", "-w", str(files[1]), "--for", "0.2"),
    ):
        subprocess.run(
            ["podwire", words[0], "--name", lab.name, *words[1:]], env=caller, check=True, capture_output=True
        )

    assert [(file.stat().st_uid, file.stat().st_gid) for file in files] == [(65534, 65534)] * 2
