"""The operator against a Kubernetes API, a fresh one for each test: `pytest` is all that it takes."""

import threading
from pathlib import Path

import kubernetes
import pytest
from kubernetes.client import ApiException
from website_operator import GROUP, PLURAL, VERSION, WebsiteOperator

SITES = (GROUP, VERSION, "default", PLURAL)
SITE = {
    "apiVersion": f"{GROUP}/{VERSION}",
    "kind": "Website",
    "metadata": {"name": "blog"},
    "spec": {"image": "nginx:1.29", "replicas": 2},
}
NODES = pytest.mark.kube_api(nodes=1)  # pods run, as far as the API can tell


@pytest.fixture
def client(kube_api):
    """The official client, on an API that knows Websites."""
    kube_api.client().apply_yaml(Path(__file__).with_name("website-crd.yaml"))
    with kubernetes.config.new_client_from_config_dict(kube_api.config) as one:
        extensions = kubernetes.client.ApiextensionsV1Api(one)

        def established():
            crd = extensions.read_custom_resource_definition(f"{PLURAL}.{GROUP}")
            return {"Established": "True"} in [{c.type: c.status} for c in crd.status.conditions or ()]

        kube_api.until(established)
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
def sites(client):
    return kubernetes.client.CustomObjectsApi(client)


@pytest.fixture
def apps(client):
    return kubernetes.client.AppsV1Api(client)


@pytest.fixture
def core(client):
    return kubernetes.client.CoreV1Api(client)


def there(read, name):
    """The object, None while it is not there."""
    try:
        return read(name, "default")
    except ApiException as error:
        if error.status == 404:
            return None
        raise


def test_a_site_becomes_a_deployment_and_a_service(kube_api, operator, sites, core, apps):
    sites.create_namespaced_custom_object(*SITES, SITE)
    made = kube_api.until(lambda: there(apps.read_namespaced_deployment, "blog"))
    assert made.spec.template.spec.containers[0].image == "nginx:1.29"
    assert kube_api.until(lambda: there(core.read_namespaced_service, "blog")).spec.cluster_ip


@NODES
def test_its_status_follows_the_pods(kube_api, operator, sites):
    sites.create_namespaced_custom_object(*SITES, SITE)

    def available():
        return sites.get_namespaced_custom_object(*SITES, "blog").get("status", {}).get("available")

    kube_api.until(lambda: available() == 2, what="both replicas are told")
    sites.patch_namespaced_custom_object(*SITES, "blog", {"spec": {"replicas": 3}})
    kube_api.until(lambda: available() == 3, what="the third one, too")


def test_what_was_made_of_a_site_goes_with_it(kube_api, operator, sites, core, apps):
    sites.create_namespaced_custom_object(*SITES, SITE)
    kube_api.until(lambda: there(core.read_namespaced_service, "blog"))
    sites.delete_namespaced_custom_object(*SITES, "blog")
    kube_api.until(lambda: there(core.read_namespaced_service, "blog") is None)
    kube_api.until(lambda: there(apps.read_namespaced_deployment, "blog") is None)


@pytest.mark.kube_api(controllers=False)
def test_an_apply_repeated_writes_nothing(client, sites, apps):
    """Without controllers nothing moves but what the test moves: each write is the operator's."""
    operator, site = WebsiteOperator(client), sites.create_namespaced_custom_object(*SITES, SITE)
    operator.apply(site)
    first = apps.read_namespaced_deployment("blog", "default").metadata.resource_version
    operator.apply(site)
    assert apps.read_namespaced_deployment("blog", "default").metadata.resource_version == first


@pytest.mark.kube_api(controllers=False)
def test_the_definition_refuses_what_is_no_website(sites):
    with pytest.raises(ApiException) as refused:
        sites.create_namespaced_custom_object(*SITES, {**SITE, "spec": {"image": "x", "replicas": 11}})
    assert refused.value.status == 422
    assert "spec.replicas" in refused.value.body
