"""The operator against a real Kubernetes API, a fresh one for each test: `pytest` is all that it takes."""

import threading

import kubernetes
import pytest
from kubernetes.client import ApiException
from website_operator import STATUS, WebsiteOperator

SITE = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "blog", "labels": {"example.com/kind": "website"}},
    "data": {"image": "nginx:1.29", "replicas": "2"},
}
NODES = pytest.mark.kube_api(nodes=1)  # pods run, as far as the API can tell


@pytest.fixture
def client(kube_api):
    with kubernetes.config.new_client_from_config_dict(kube_api.config) as one:
        yield one


@pytest.fixture
def operator(client):
    """The operator under test, in a thread, as `python website_operator.py` would run it."""
    one = WebsiteOperator(client)
    thread = threading.Thread(target=one.run)
    thread.start()
    yield one
    one.stop()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def core(client):
    return kubernetes.client.CoreV1Api(client)


@pytest.fixture
def apps(client):
    return kubernetes.client.AppsV1Api(client)


def there(read, name):
    """The object, None while it is not there."""
    try:
        return read(name, "default")
    except ApiException as error:
        if error.status == 404:
            return None
        raise


def test_a_site_becomes_a_deployment_and_a_service(kube_api, operator, core, apps):
    core.create_namespaced_config_map("default", SITE)
    made = kube_api.until(lambda: there(apps.read_namespaced_deployment, "blog"))
    assert made.spec.template.spec.containers[0].image == "nginx:1.29"
    assert kube_api.until(lambda: there(core.read_namespaced_service, "blog")).spec.cluster_ip


@NODES
def test_its_status_follows_the_pods(kube_api, operator, core):
    core.create_namespaced_config_map("default", SITE)

    def status():
        return (core.read_namespaced_config_map("blog", "default").metadata.annotations or {}).get(STATUS)

    kube_api.until(lambda: status() == "2/2 available", what="both replicas are told")
    core.patch_namespaced_config_map("blog", "default", {"data": {"replicas": "3"}})
    kube_api.until(lambda: status() == "3/3 available", what="the third one, too")


def test_what_was_made_of_a_site_goes_with_it(kube_api, operator, core, apps):
    core.create_namespaced_config_map("default", SITE)
    kube_api.until(lambda: there(core.read_namespaced_service, "blog"))
    core.delete_namespaced_config_map("blog", "default")
    kube_api.until(lambda: there(core.read_namespaced_service, "blog") is None)
    kube_api.until(lambda: there(apps.read_namespaced_deployment, "blog") is None)


@pytest.mark.kube_api(controllers=False)
def test_an_apply_repeated_writes_nothing(client, core, apps):
    """Without controllers nothing moves but what the test moves: each write is the operator's."""
    operator, site = WebsiteOperator(client), core.create_namespaced_config_map("default", SITE)
    operator.apply(site)
    first = apps.read_namespaced_deployment("blog", "default").metadata.resource_version
    operator.apply(site)
    assert apps.read_namespaced_deployment("blog", "default").metadata.resource_version == first
