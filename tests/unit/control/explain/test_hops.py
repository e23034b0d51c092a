"""A journey as lines."""

from ipaddress import ip_address

from control.explain.hops import Hop, hops_of
from dataplane.nft.statement import ACCEPT, DROP
from dataplane.observe.dissect import Packet
from dataplane.observe.journey import Course, Sighting, Step
from tests.unit.control.explain import journeys as j

SERVICES, POLICY = "podwire-services", "podwire-policy"


def _lines(atlas, *steps: Step, **more: object) -> tuple[Hop, ...]:  # type: ignore[no-untyped-def]
    return hops_of(j.journey(*steps, **more), atlas, Course.REQUEST, {})


def test_a_link_says_direction_addresses_and_time(atlas):
    (hop,) = _lines(atlas, j.seen(5, j.WEB_NETNS, "out"))
    assert (hop.place, hop.what, hop.time_us) == ("shop/web", "link", 0.0)
    assert hop.said == "out by eth0: tcp 10.244.1.2:61234 → 10.244.2.3:8080, ttl 64, S"


def test_a_tunnel_shows_what_is_around_and_what_is_inside(atlas):
    inner = j.seen(5, j.NODE, "out").packet
    outer = Packet(ip_address("10.0.1.10"), ip_address("10.0.1.11"), "udp", 64, 90, 40_000, 4789, vni=1)
    (hop,) = _lines(atlas, Sighting(5000, j.NODE, "eth0", True, Course.REQUEST, inner, outer))
    assert (hop.what, hop.said) == ("tunnel", "out by eth0: VXLAN 1, 10.0.1.10 → 10.0.1.11, ttl 64")
    assert hop.because == ("inside: tcp 10.244.1.2:61234 → 10.244.2.3:8080, ttl 64, S",)


def test_a_translation_names_the_service_its_endpoint_and_its_object(atlas):
    chosen = j.judged(j.NODE, SERVICES, "spread-1", 1, ACCEPT, hook="prerouting", to="10.96.0.20", port=80)
    hop, _ = _lines(
        atlas, chosen, j.seen(3, j.NODE, "in", link="cni0"),
        rulesets={j.NODE: j.chains(SERVICES, "spread-1", ((), ""))},
    )  # fmt: skip
    assert hop.said == "Service shop/db: DNAT 10.96.0.20:80 → 10.244.2.3:8080 (shop/db, 1 of 1)"
    assert hop.provenance is not None
    assert (hop.provenance.key, hop.provenance.field) == ("shop/db", "spec.ports[0]")


def test_a_refused_echo_has_no_port(atlas):
    step = j.judged(j.NODE, SERVICES, "untranslated", 1, DROP, to="10.96.0.20", port=0, protocol=1)
    (hop,) = _lines(atlas, step, rulesets={j.NODE: j.chains(SERVICES, "untranslated", ((), ""))})
    assert hop.said == "refused: 10.96.0.20 Service shop/db"


def test_a_default_deny_names_the_pod_and_the_policies(atlas):
    rules = j.chains(POLICY, "in.shop", ((), "default deny ingress: shop/db-only"))
    (hop,) = _lines(atlas, j.judged(j.NODE, POLICY, "in.shop", 1), rulesets={j.NODE: rules})
    assert (
        hop.said == "DROPPED: entering shop/db: default deny by shop/db-only, and no rule of it allows this"
    )
    assert hop.provenance is not None
    assert (hop.provenance.key, hop.provenance.resource_version) == ("shop/db-only", "9")


def test_a_strangers_rule_is_told_with_its_comment(atlas):
    rules = j.chains("mine", "drops", ((), "by hand"))
    (hop,) = _lines(atlas, j.judged(j.NODE, "mine", "drops", 1), rulesets={j.NODE: rules})
    assert hop.said == 'DROPPED by a rule of inet mine "by hand"'
    assert hop.because == ("nft: inet mine, chain drops, handle 1",)


def test_what_the_kernel_says_of_a_rules_drop_is_no_second_line(atlas):
    dropped = j.judged(j.NODE, "mine", "drops", 1)
    assert len(_lines(atlas, dropped, j.death(4, j.NODE, "NETFILTER_DROP", "nf_hook_slow"))) == 1
    (hop,) = _lines(atlas, j.death(4, j.NODE, "NETFILTER_DROP", "nf_hook_slow"))
    assert (hop.what, hop.because) == ("died", ("kernel: NETFILTER_DROP in nf_hook_slow",))
