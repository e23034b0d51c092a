"""What each place's namespace is told before it has a link."""

import pytest

from dataplane.netns.sysctl import Place, settings

HOOKS = ("bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables")


@pytest.mark.parametrize("place", Place)
def test_nowhere_does_a_packet_wait_for_duplicate_detection(place):
    said = dict(settings(place))

    for scope in ("all", "default"):
        assert said[f"ipv6/conf/{scope}/accept_dad"] == "0"
        assert said[f"ipv6/conf/{scope}/dad_transmits"] == "0"


@pytest.mark.parametrize("place", Place)
def test_nowhere_is_a_flow_without_an_entry_picked_up(place):
    assert dict(settings(place))["netfilter/nf_conntrack_tcp_loose"] == "0"


@pytest.mark.parametrize("place", Place)
def test_bridged_packets_pass_the_ip_hooks_in_nodes_and_nowhere_else(place):
    said = dict(settings(place))

    assert {said[hook] for hook in HOOKS} == {"1" if place is Place.NODE else "0"}


@pytest.mark.parametrize("place", Place)
def test_nodes_and_the_internet_forward_and_others_do_not(place):
    said = dict(settings(place))
    expected = "1" if place in {Place.NODE, Place.INTERNET} else "0"

    assert said["ipv4/ip_forward"] == said["ipv6/conf/all/forwarding"] == expected


def test_nodes_count_and_date_their_connections():
    said = dict(settings(Place.NODE))

    assert said["netfilter/nf_conntrack_acct"] == said["netfilter/nf_conntrack_timestamp"] == "1"


def test_in_a_pod_any_user_binds_low_ports_and_pings():
    said = dict(settings(Place.POD))

    assert said["ipv4/ip_unprivileged_port_start"] == "0"
    assert said["ipv4/ping_group_range"] == "0 2147483647"


@pytest.mark.parametrize("place", [Place.NODE, Place.POD, Place.INTERNET])
def test_nobody_is_advised_another_way(place):
    assert dict(settings(place))["ipv6/conf/default/accept_redirects"] == "0"


@pytest.mark.parametrize("place", Place)
def test_a_family_that_the_lab_does_not_speak_is_off_before_anything_else(place):
    assert settings(place, ipv6=False)[0] == ("ipv6/conf/all/disable_ipv6", "1")
    assert settings(place)[0] == ("ipv6/conf/all/disable_ipv6", "0")


@pytest.mark.parametrize("place", Place)
def test_nothing_is_said_twice(place):
    keys = [key for key, _ in settings(place)]

    assert len(keys) == len(set(keys))
