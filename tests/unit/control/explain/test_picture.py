"""A trace as arrows from place to place."""

from control.explain.picture import arrows_of, mermaid
from tests.unit.control.explain import journeys as j


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
