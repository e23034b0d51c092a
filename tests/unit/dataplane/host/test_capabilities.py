"""What is missing is said, each with a mend of its own."""

from dataclasses import replace
from pathlib import Path

import pytest

from dataplane import errors
from dataplane.host.capabilities import Capabilities

ALL = Capabilities(
    kernel=(6, 1), release="6.1.0", namespaces=True, veth=True, bridge=True, vxlan=True, nftables=True,
    conntrack=True, bridge_netfilter=True, ipv6=True, netem=True, overlayfs=True, cgroup2=Path("/c"), btf=True,
)  # fmt: skip


def test_a_kernel_that_has_everything_misses_nothing():
    assert ALL.missing() == []


@pytest.mark.parametrize(
    ("lacking", "kind", "mend"),
    [
        ({"veth": False}, errors.NoVeth, "modprobe veth"),
        ({"bridge": False}, errors.NoBridge, "modprobe bridge"),
        ({"vxlan": False}, errors.NoVxlan, "--overlay direct"),
        ({"nftables": False}, errors.NoNftables, "modprobe nf_tables"),
        ({"conntrack": False}, errors.NoConntrack, "modprobe nf_conntrack"),
    ],
)
def test_each_capability_that_is_missing_has_its_own_error_and_mend(lacking, kind, mend):
    (missing,) = replace(ALL, **lacking).missing()

    assert type(missing) is kind
    assert mend in missing.mend
    assert "6.1.0" in str(missing)


def test_without_root_only_that_is_said():
    nothing = replace(ALL, namespaces=False, veth=False, bridge=False, vxlan=False, nftables=False)

    assert [type(missing) for missing in nothing.missing()] == [errors.NoNamespaces]


def test_vxlan_is_not_missed_where_the_lab_has_no_overlay():
    assert replace(ALL, vxlan=False).missing(overlay="direct") == []


@pytest.mark.parametrize("extra", ["ipv6", "netem", "btf", "bridge_netfilter"])
def test_what_a_lab_can_do_without_is_not_missing_and_is_shown(extra):
    kernel = replace(ALL, **{extra: False})

    assert kernel.missing() == []
    assert "off" in kernel.summary()
    assert "off" not in ALL.summary()
