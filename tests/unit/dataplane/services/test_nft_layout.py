"""The table around the Services."""

from ipaddress import ip_address, ip_network

from dataplane.model.address import Family
from dataplane.nft.text import chain_text, element_text, sorted_elements
from dataplane.services.contract import ServiceNode
from dataplane.services.nft_layout import skeleton, spread_chain

NODE = ServiceNode(
    (ip_address("10.0.1.10"), ip_address("fd00:10:1::a")),
    (ip_network("10.244.0.0/16"), ip_network("fd00:10:244::/48")),
    (ip_network("10.96.0.0/12"), ip_network("fd00:10:96::/112")),
    (ip_network("10.0.1.0/24"), ip_network("fd00:10:1::/64")),
)
V4_ONLY = ServiceNode(NODE.addresses[:1], NODE.cluster_cidrs[:1], NODE.service_cidrs[:1], NODE.node_cidrs[:1])


def test_the_families_are_those_of_the_service_ranges():
    assert NODE.families == (Family.V4, Family.V6)
    assert V4_ONLY.families == (Family.V4,)
    assert "ip6" not in str(skeleton(V4_ONLY, ["spread-1"]))


def test_nothing_sets_or_reads_a_packet_mark():
    assert " mark " not in str(skeleton(NODE, ["spread-3", "sticky"]))


def test_pods_services_and_nodes_are_inside():
    inside = skeleton(NODE).set_by_name["inside4"]

    assert [element_text(inside, each) for each in sorted_elements(inside)] == [
        "10.0.1.0/24",
        "10.96.0.0/12",
        "10.244.0.0/16",
    ]


def test_a_range_within_another_is_left_out_as_interval_sets_have_no_overlaps():
    nested = ServiceNode(
        (), (ip_network("10.0.0.0/8"),), (ip_network("10.96.0.0/12"),), (ip_network("10.0.1.0/24"),)
    )
    inside = skeleton(nested).set_by_name["inside4"]

    assert [element_text(inside, each) for each in inside.elements.values()] == ["10.0.0.0/8"]


def test_a_drawing_chain_holds_the_number_of_endpoints_as_a_constant():
    assert chain_text(spread_chain(V4_ONLY, "spread-7"), "inet") == (
        "\tchain spread-7 {\n"
        "\t\tdnat ip to ip daddr . meta l4proto . th dport . numgen random mod 7 map @endpoints4\n"
        "\t}\n"
    )


def test_refusals_come_right_after_nat_and_spare_segments_of_live_connections():
    table = skeleton(NODE)

    assert "priority dstnat + 10" in chain_text(table.chain_by_name["refusal"], "inet")
    assert str(table.chain_by_name["refuse"].rules[0]) == "ct state invalid drop"
