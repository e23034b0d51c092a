"""The registry: rows by URL and kind, and what discovery needs."""

import pytest

from control.schema.resource import registry


def test_a_url_and_a_kind_lead_to_the_same_row():
    row = registry().find("apps", "v1", "deployments")
    assert row is registry().by_kind("apps/v1", "Deployment")
    assert row is not None
    assert (row.path_prefix, row.qualified, row.singular) == (
        "/apis/apps/v1",
        "deployments.apps",
        "deployment",
    )
    assert row.short_names == ("deploy",)
    assert row.message == "k8s.io.api.apps.v1.Deployment"


def test_verbs_are_those_of_discovery():
    pods = registry().find("", "v1", "pods")
    assert pods is not None
    assert set(pods.verbs) == {
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    }
    assert registry().find("authentication.k8s.io", "v1", "tokenreviews").verbs == ("create",)


def test_pods_have_connect_subresources_with_the_kinds_of_their_options():
    pods = registry().find("", "v1", "pods")
    names = {sub.name: (sub.group, sub.version, sub.kind) for sub in pods.subresources}
    assert names["exec"] == ("", "v1", "PodExecOptions")
    assert names["eviction"] == ("policy", "v1", "Eviction")
    assert {
        "attach",
        "binding",
        "ephemeralcontainers",
        "log",
        "portforward",
        "proxy",
        "resize",
        "status",
    } < set(names)


@pytest.mark.parametrize(
    ("group", "first"), [("autoscaling", "v2"), ("resource.k8s.io", "v1"), ("scheduling.k8s.io", "v1")]
)
def test_the_preferred_version_comes_first(group: str, first: str):
    assert registry().groups()[group][0] == first


def test_every_kind_has_a_message():
    assert [row.qualified for row in registry().rows if not row.message] == []


def test_kubectl_get_all_finds_what_it_lists():
    found = {row.plural for row in registry().rows if "all" in row.categories}
    assert {"pods", "services", "deployments", "replicasets", "jobs"} <= found
