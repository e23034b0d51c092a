"""An operator on the official Python client: a ConfigMap with the label `example.com/kind: website` becomes a website.

Of each it makes a Deployment and a Service of the same name, owned by the ConfigMap, and writes back in the annotation
`example.com/status` how many replicas are available. Run it: `python website_operator.py` with KUBECONFIG set.
"""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import kubernetes
import urllib3
from kubernetes.client import ApiException

KIND = "example.com/kind=website"
STATUS = "example.com/status"


def deployment(site: Any) -> dict[str, Any]:
    """The Deployment of a site; its ConfigMap says `image` and `replicas`."""
    labels = {"website": site.metadata.name}
    container = {"name": "web", "image": site.data["image"], "ports": [{"containerPort": 80}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(site),
        "spec": {
            "replicas": int(site.data.get("replicas", "1")),
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def service(site: Any) -> dict[str, Any]:
    """The Service of a site."""
    spec = {"selector": {"website": site.metadata.name}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(site), "spec": spec}


def meta(site: Any) -> dict[str, Any]:
    """Named and owned as the site: what is made of it goes with it."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": site.metadata.name, "uid": site.metadata.uid}
    return {"name": site.metadata.name, "ownerReferences": [{**owner, "controller": True}]}


class WebsiteOperator:
    """Follows sites and their Deployments, each in a thread, until `stop`."""

    def __init__(self, client: kubernetes.client.ApiClient) -> None:
        self.core, self.apps = kubernetes.client.CoreV1Api(client), kubernetes.client.AppsV1Api(client)
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
        sites = self.core.list_config_map_for_all_namespaces
        for event in self.follow(self.watches[0], sites, label_selector=KIND):
            if event["type"] in ("ADDED", "MODIFIED"):
                self.apply(event["object"])

    def follow_deployments(self) -> None:
        """A Deployment that changes is told to its site."""
        for event in self.follow(self.watches[1], self.apps.list_deployment_for_all_namespaces):
            if event["type"] != "DELETED":
                self.tell(event["object"])

    def follow(
        self, watch: kubernetes.watch.Watch, collection: Any, **selectors: str
    ) -> Iterator[dict[str, Any]]:
        """Events until `stop`; a watch that breaks off is taken up again."""
        while not self.stopping.is_set():
            with suppress(urllib3.exceptions.HTTPError):
                yield from watch.stream(collection, timeout_seconds=60, **selectors)

    def apply(self, site: Any) -> None:
        """Server-side apply: what is so already is not written again."""
        for wanted in (deployment(site), service(site)):
            resource = self.dynamic.resources.get(api_version=wanted["apiVersion"], kind=wanted["kind"])
            resource.server_side_apply(
                body=wanted,
                name=site.metadata.name,
                namespace=site.metadata.namespace,
                field_manager="website-operator",
                force_conflicts=True,
            )

    def tell(self, made: Any) -> None:
        """Write into the site how many replicas are available."""
        owners = [one for one in made.metadata.owner_references or () if one.kind == "ConfigMap"]
        if not owners:
            return
        words = f"{made.status.available_replicas or 0}/{made.spec.replicas} available"
        patch = {"metadata": {"annotations": {STATUS: words}}}
        try:
            self.core.patch_namespaced_config_map(made.metadata.name, made.metadata.namespace, patch)
        except ApiException as error:
            if error.status != 404:  # the site is gone, and this Deployment about to be
                raise


if __name__ == "__main__":
    kubernetes.config.load_kube_config()
    WebsiteOperator(kubernetes.client.ApiClient()).run()
