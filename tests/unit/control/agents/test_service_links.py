"""Which Services a pod hears of by its variables, and that finding them takes no look at all the others."""

from ipaddress import ip_network

import pytest

from control.agents.service_links import ServiceLinks
from control.client.informer import Informer
from control.client.resources import SERVICES

CIDRS = (ip_network("10.96.0.0/12"),)


class LookedUp(dict):
    """Objects of an informer that may be looked up, never gone through."""

    def __iter__(self):
        raise AssertionError("all Services are gone through")

    items = values = keys = __iter__


def service(namespace, name, address):
    meta = {"namespace": namespace, "name": name, "resourceVersion": "1"}
    return {"metadata": meta, "spec": {"clusterIP": address, "ports": [{"port": 80}]}}


@pytest.fixture
def links():
    services = Informer(None, SERVICES)
    made = ServiceLinks(services, CIDRS)
    there = {
        "default/kubernetes": service("default", "kubernetes", "10.96.0.7"),
        "default/other": service("default", "other", "10.96.0.8"),
        "shop/db": service("shop", "db", "10.96.0.9"),
    }
    services._replace(there)
    services.items = LookedUp(there)
    return made


def hosts(variables):
    return {name: value for name, value in variables.items() if name.endswith("_SERVICE_HOST")}


def test_a_pod_hears_of_its_namespace_s_services_and_of_the_api_server(links):
    assert hosts(links.of("shop")) == {"DB_SERVICE_HOST": "10.96.0.9", "KUBERNETES_SERVICE_HOST": "10.96.0.7"}
    assert hosts(links.of("nowhere")) == {"KUBERNETES_SERVICE_HOST": "10.96.0.7"}


def test_without_links_it_hears_of_the_api_server_alone(links):
    assert hosts(links.of("default", enabled=False)) == {"KUBERNETES_SERVICE_HOST": "10.96.0.7"}


def test_the_api_server_is_told_of_before_its_service_is_heard_of():
    assert ServiceLinks(None, CIDRS).of("shop")["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert ServiceLinks(None, ()).of("shop") == {}
