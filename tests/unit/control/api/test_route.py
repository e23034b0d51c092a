"""URLs, as upstream's RequestInfo resolves them."""

import pytest

from control.api.route import Route, parse


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "/api/v1/namespaces", {}, ("list", "", "", "namespaces", "", "")),
        ("GET", "/api/v1/namespaces/shop", {}, ("get", "", "shop", "namespaces", "shop", "")),
        (
            "PUT",
            "/api/v1/namespaces/shop/finalize",
            {},
            ("update", "", "shop", "namespaces", "shop", "finalize"),
        ),
        ("GET", "/api/v1/namespaces/shop/status", {}, ("get", "", "shop", "namespaces", "shop", "status")),
        ("GET", "/api/v1/namespaces/shop/pods", {}, ("list", "", "shop", "pods", "", "")),
        ("POST", "/api/v1/namespaces/shop/pods", {}, ("create", "", "shop", "pods", "", "")),
        ("DELETE", "/api/v1/namespaces/shop/pods", {}, ("deletecollection", "", "shop", "pods", "", "")),
        ("DELETE", "/api/v1/namespaces/shop/pods/a", {}, ("delete", "", "shop", "pods", "a", "")),
        ("GET", "/api/v1/pods", {"watch": "1"}, ("watch", "", "", "pods", "", "")),
        ("GET", "/api/v1/pods", {"watch": "false"}, ("list", "", "", "pods", "", "")),
        ("GET", "/api/v1/watch/namespaces/shop/pods/a", {}, ("watch", "", "shop", "pods", "a", "")),
        ("GET", "/apis/apps/v1/deployments", {}, ("list", "apps", "", "deployments", "", "")),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/shop/deployments/web/scale",
            {},
            ("patch", "apps", "shop", "deployments", "web", "scale"),
        ),
        ("POST", "/api/v1/namespaces/shop/pods/a/exec", {}, ("create", "", "shop", "pods", "a", "exec")),
        ("GET", "/api/v1/nodes/node%2D1", {}, ("get", "", "", "nodes", "node-1", "")),
        (
            "GET",
            "/api/v1/pods",
            {"watch": "true", "fieldSelector": "metadata.name=a"},
            ("watch", "", "", "pods", "a", ""),
        ),
    ],
)
def test_resources(method: str, path: str, query: dict[str, str], expected: tuple[str, ...]) -> None:
    route = parse(method, path, query)

    found = (route.verb, route.group, route.namespace, route.resource, route.name, route.subresource)
    assert found == expected
    assert route.is_resource


@pytest.mark.parametrize("path", ["/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1", "/version", "/"])
def test_what_is_no_resource(path: str) -> None:
    assert parse("GET", path, {}) == Route(path, "get")


def test_what_follows_a_subresource() -> None:
    assert parse("GET", "/api/v1/namespaces/s/services/a/proxy/x/y", {}).rest == "x/y"
