"""An operator on the official Python client: of each Website it makes a Deployment and a Service.

They are owned by the Website, whose status says how many replicas are available. Run it: `python website_operator.py`
with KUBECONFIG set, after `kubectl apply -f website-crd.yaml`.
"""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import kubernetes
import urllib3
from kubernetes.client import ApiException

GROUP, VERSION, PLURAL = "example.com", "v1", "websites"
Json = dict[str, Any]


def deployment(site: Json) -> Json:
    """The Deployment of a site."""
    labels = {"website": site["metadata"]["name"]}
    container = {"name": "web", "image": site["spec"]["image"], "ports": [{"containerPort": 80}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(site),
        "spec": {
            "replicas": site["spec"]["replicas"],
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def service(site: Json) -> Json:
    """The Service of a site."""
    spec = {"selector": {"website": site["metadata"]["name"]}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(site), "spec": spec}


def meta(site: Json) -> Json:
    """Named and owned as the site: what is made of it goes with it."""
    name, uid = site["metadata"]["name"], site["metadata"]["uid"]
    owner = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Website", "name": name, "uid": uid}
    return {"name": name, "ownerReferences": [{**owner, "controller": True}]}


class WebsiteOperator:
    """Follows sites and their Deployments, each in a thread, until `stop`."""

    def __init__(self, client: kubernetes.client.ApiClient) -> None:
        self.sites = kubernetes.client.CustomObjectsApi(client)
        self.apps = kubernetes.client.AppsV1Api(client)
        self.dynamic = kubernetes.dynamic.DynamicClient(client)
        self.watches = [kubernetes.watch.Watch(), kubernetes.watch.Watch()]
        self.stopping = threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        follow = threading.Thread(target=self.follow_deployments)
        follow.start()
        self.follow_sites()
        follow.join()

    def stop(self) -> None:
        """End both watches."""
        self.stopping.set()
        for watch in self.watches:
            watch.stop()

    def follow_sites(self) -> None:
        """A site that comes or changes is applied."""
        sites = self.sites.list_cluster_custom_object
        for event in self.follow(self.watches[0], sites, GROUP, VERSION, PLURAL):
            if event["type"] in ("ADDED", "MODIFIED"):
                self.apply(event["object"])

    def follow_deployments(self) -> None:
        """A Deployment that changes is told to its site."""
        for event in self.follow(self.watches[1], self.apps.list_deployment_for_all_namespaces):
            if event["type"] != "DELETED":
                self.tell(event["object"])

    def follow(self, watch: kubernetes.watch.Watch, collection: Any, *of: str) -> Iterator[Json]:
        """Events until `stop`; a watch that breaks off is taken up again."""
        while not self.stopping.is_set():
            with suppress(urllib3.exceptions.HTTPError):
                yield from watch.stream(collection, *of, timeout_seconds=60)

    def apply(self, site: Json) -> None:
        """Server-side apply: what is so already is not written again."""
        for wanted in (deployment(site), service(site)):
            resource = self.dynamic.resources.get(api_version=wanted["apiVersion"], kind=wanted["kind"])
            resource.server_side_apply(
                body=wanted,
                name=site["metadata"]["name"],
                namespace=site["metadata"]["namespace"],
                field_manager="website-operator",
                force_conflicts=True,
            )

    def tell(self, made: Any) -> None:
        """Write into the site's status how many replicas are available."""
        if not any(owner.kind == "Website" for owner in made.metadata.owner_references or ()):
            return
        name, namespace = made.metadata.name, made.metadata.namespace
        patch = {"status": {"available": made.status.available_replicas or 0}}
        try:
            self.sites.patch_namespaced_custom_object_status(GROUP, VERSION, namespace, PLURAL, name, patch)
        except ApiException as error:
            if error.status != 404:  # the site is gone, and this Deployment about to be
                raise


if __name__ == "__main__":
    kubernetes.config.load_kube_config()
    WebsiteOperator(kubernetes.client.ApiClient()).run()
