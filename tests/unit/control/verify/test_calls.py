"""The call graph in the containers' environment."""

from ipaddress import ip_address

import dns.message
import dns.rrset

from control.verify.calls import _addresses, candidates, edges
from control.verify.pairs import sources


def test_each_upstream_that_an_environment_names_is_an_edge_of_its_workload(cluster):
    (edge,) = edges(cluster, sources(cluster, "lab", ()))

    assert (edge.source.workload, edge.upstream) == ("shop/web", "api:80")


def test_an_annotation_and_a_config_map_name_upstreams_too(objects, view):
    web = objects["pods"][0]
    web["metadata"]["annotations"]["podwire.dev/calls"] = "db:5432"
    web["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    objects["configmaps"] = [
        {"metadata": {"namespace": "shop", "name": "settings"}, "data": {"MAIL_ADDR": "mail:25"}}
    ]
    made = view(objects)

    found = edges(made, sources(made, "lab", ()))

    assert {edge.upstream for edge in found} == {"api:80", "db:5432", "mail:25"}


def test_names_are_searched_as_a_pods_resolver_does():
    assert candidates("api", "shop", "cluster.local") == [
        "api.shop.svc.cluster.local.",
        "api.svc.cluster.local.",
        "api.cluster.local.",
        "api.",
    ]
    assert candidates("a.b.c.d.e.f", "shop", "cluster.local")[0] == "a.b.c.d.e.f."
    assert candidates("example.com.", "shop", "cluster.local") == ["example.com."]


def test_addresses_are_read_through_aliases_and_a_refusal_has_none():
    answer = dns.message.make_response(dns.message.make_query("api.", "A"))
    answer.answer += [
        dns.rrset.from_text("api.", 5, "IN", "CNAME", "db."),
        dns.rrset.from_text("db.", 5, "IN", "A", "10.96.0.20"),
    ]
    assert _addresses(answer.to_wire()) == (ip_address("10.96.0.20"),)
    answer.set_rcode(dns.rcode.NXDOMAIN)
    assert _addresses(answer.to_wire()) == ()
    assert _addresses(b"not dns") == ()
