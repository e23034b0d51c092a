"""The lab as SVG."""

import xml.etree.ElementTree as ET

from control.explain.chart import PODS_SHOWN, Chart, NodeBox, PodBox, Way, places_of, svg

_SVG = "{http://www.w3.org/2000/svg}"


def _chart(pods: int, *, up: bool = True, nodes: int = 2) -> Chart:
    boxes = tuple(PodBox(f"shop/web-{n}", "shop/web", (f"10.244.1.{n + 2}",)) for n in range(pods))
    named = tuple(
        NodeBox(f"node-{n}", (f"10.0.1.{9 + n}",), (f"10.244.{n}.0/24",), boxes if n == 1 else (), up=up)
        for n in range(1, nodes + 1)
    )
    return Chart("lab", "vxlan", named, "10.0.1.1")


def _texts(picture: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(picture).iter(f"{_SVG}text")]


def test_everything_has_its_name_and_its_address():
    texts = _texts(svg(_chart(2)))
    for said in (
        "node-1",
        "eth0  10.0.1.10",
        "cni0  10.244.1.0/24",
        "shop/web-0",
        "10.244.1.3",
        "internet  10.0.1.1",
    ):
        assert said in texts


def test_a_node_with_many_pods_shows_a_box_a_workload():
    texts = _texts(svg(_chart(PODS_SHOWN + 88)))
    assert "shop/web" in texts
    assert f"{PODS_SHOWN + 88} pods" in texts
    assert "shop/web-0" not in texts


def test_a_link_that_is_down_is_dashed():
    assert "stroke-dasharray" not in svg(_chart(1))
    assert svg(_chart(1, up=False)).count("stroke-dasharray") == 2


def test_a_way_is_numbered_stop_by_stop_and_a_lost_packet_ends_in_a_cross():
    way = Way(("shop/web-0", "node-1", "fabric", "node-2"), "web → db: lost", delivered=False)
    picture = svg(_chart(1), way)
    assert [text for text in _texts(picture) if text.isdigit()] == ["1", "2", "3", "4"]
    assert _texts(picture)[-1] == "web → db: lost"
    assert "l32,32m0,-32l-32,32" in picture
    assert "l32,32m0,-32l-32,32" not in svg(_chart(1), Way(way.places, way.title, delivered=True))


def test_nodes_stand_in_rows():
    wide = ET.fromstring(svg(_chart(0, nodes=4)))
    tall = ET.fromstring(svg(_chart(0, nodes=9)))
    assert wide.get("width") == tall.get("width")
    assert float(tall.get("height", 0)) > float(wide.get("height", 0))


def test_a_name_can_not_break_the_picture():
    box = PodBox('a/<"&', "a/b", ("10.0.0.1",))
    chart = Chart("lab", "vxlan", (NodeBox("n", ("1",), ("2",), (box,)),), "3")
    assert 'a/<"&' in _texts(svg(chart))


def test_places_of_a_stay_are_one():
    assert places_of(["a", "a", "node-1", "fabric", "node-1"]) == ("a", "node-1", "fabric", "node-1")
