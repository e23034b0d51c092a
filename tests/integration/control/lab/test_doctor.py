"""doctor tells what is there, what its absence costs, and exits 1 only when no lab can run."""

import json
import os
import subprocess
import sys

import pytest

from control.lab import doctor
from dataplane.host.capabilities import Capabilities

PODWIRE = [sys.executable, "-m", "podwire"]


def test_what_is_missing_and_needed_is_told_apart_from_what_only_costs(monkeypatch: pytest.MonkeyPatch):
    can = Capabilities(
        kernel=(5, 15), release="5.15-wsl", namespaces=True, veth=True, bridge=True, vxlan=False, nftables=False,
        conntrack=True, bridge_netfilter=False, ipv6=False, netem=False, overlayfs=True, cgroup2=None, btf=True,
    )  # fmt: skip
    monkeypatch.setattr(doctor, "probe", lambda: can)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    states = {finding.name: finding.state for finding in doctor.examine()}
    assert states["PW-K07"] == "missing"
    assert {name: states[name] for name in ("VXLAN", "IPv6", "br_netfilter", "BTF")} == {
        "VXLAN": "costs",
        "IPv6": "costs",
        "br_netfilter": "costs",
        "BTF": "ok",
    }


@pytest.mark.root
def test_this_machine_can_carry_a_lab_and_says_so():
    ran = subprocess.run([*PODWIRE, "doctor", "-o", "json"], capture_output=True, text=True, check=True)
    findings = {finding["name"]: finding for finding in json.loads(ran.stdout)}
    assert findings["kernel"]["state"] == "ok"
    assert all(finding.get("mend") for finding in findings.values() if finding["found"] == "missing")


@pytest.mark.root
def test_nobody_learns_what_could_not_be_tried():
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *PODWIRE, "doctor", "-o", "json"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    kernel = next(f for f in json.loads(ran.stdout) if f["name"] == "kernel")
    assert (kernel["state"], kernel["mend"]) == ("costs", "sudo podwire doctor")
