"""A trace as arrows from place to place."""

import errno
from xml.dom.minidom import parseString

from control.explain.picture import arrows_of, mermaid, svg
from dataplane.nft.statement import DROP
from dataplane.observe.journey import Course
from tests.unit.control.explain import journeys as j

WAY = (
    j.seen(0, j.WEB_NETNS, "out"),
    j.seen(1, j.NODE, "in", link="veth1"),
    j.seen(2, j.NODE, "out"),
    j.seen(3, j.FAR_NODE, "in"),
    j.seen(4, j.FAR_NODE, "out", link="veth2"),
    j.seen(5, j.DB_NETNS, "in"),
)
BACK = (j.answer(6, j.DB_NETNS, "out"), j.answer(7, j.FAR_NODE, "in"))


def test_a_packet_that_the_kernel_gave_up_ends_where_it_did(atlas):
    made = j.journey(
        j.seen(0, j.WEB_NETNS, "out"),
        j.seen(5, j.NODE, "in", link="veth1"),
        j.death(9, j.NODE, "IP_RPFILTER", "f"),
    )
    *_, last = arrows_of(made, atlas)
    assert (last.source, last.target, last.dead) == ("node-1", "node-1", True)
    assert "p1-xp1: died: IP_RPFILTER in f" in mermaid(arrows_of(made, atlas))


def test_the_end_of_a_flooded_copy_is_no_arrow(atlas):
    made = j.journey(
        j.seen(0, j.WEB_NETNS, "out"), j.seen(5, j.NODE, "in"), j.death(9, j.NODE, "OTHERHOST", "f")
    )
    assert not [arrow for arrow in arrows_of(made, atlas) if arrow.dead]


def test_each_cable_is_an_arrow_in_the_order_of_time(atlas):
    arrows = arrows_of(j.journey(*WAY, *BACK), atlas)
    assert [(arrow.source, arrow.target, arrow.course) for arrow in arrows] == [
        ("shop/web", "node-1", Course.REQUEST),
        ("node-1", "node-2", Course.REQUEST),
        ("node-2", "shop/db", Course.REQUEST),
        ("shop/db", "node-2", Course.REPLY),
    ]


def test_mermaid_names_places_once_and_tells_ways_apart(atlas):
    text = mermaid(arrows_of(j.journey(*WAY, *BACK), atlas))
    assert text.count("participant") == 4
    assert "p0->>p1: tcp 10.244.1.2:61234 → 10.244.2.3:8080, ttl 64, S" in text
    assert "p3-->>p2" in text


def test_a_rule_that_drops_is_a_cross_at_its_place(atlas):
    drop = j.judged(j.NODE, "podwire-policy", "in.shop/db", 1, DROP)
    text = mermaid(arrows_of(j.journey(*WAY[:2], drop), atlas))
    assert "p1-xp1: dropped by podwire-policy, in.shop/db" in text


def test_a_loss_that_nothing_tells_of_is_a_cross_too_even_before_the_first_link(atlas):
    lost = j.fate(atlas, refused=errno.ENETDOWN)
    assert mermaid(arrows_of(j.journey(refused=errno.ENETDOWN), atlas, lost)).splitlines()[1:] == [
        "    participant p0 as shop/web",
        "    p0-xp0: lost: dead link",
    ]


def test_svg_is_whole(atlas):
    arrows = arrows_of(j.journey(*WAY, *BACK), atlas)
    drawn = parseString(svg(arrows))
    texts = [node.firstChild.data for node in drawn.getElementsByTagName("text")]
    assert texts[:4] == ["shop/web", "node-1", "node-2", "shop/db"]
    assert len(texts) == 4 + len(arrows)
