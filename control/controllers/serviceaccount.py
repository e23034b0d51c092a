"""What each namespace has from the start: ServiceAccount ``default``, and the cluster's CA in a ConfigMap."""

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.resources import CONFIGMAPS, NAMESPACES, SERVICEACCOUNTS
from control.client.workqueue import WorkQueue
from control.controllers.metadata import Object, is_terminating
from control.controllers.shared import SharedInformers
from control.errors import AlreadyExists, Forbidden, NotFound

ROOT_CA = "kube-root-ca.crt"
_DESCRIPTION = {
    "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using "
    "internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
    "guaranteed across distributions of Kubernetes clusters."
}


class ServiceAccountController(Controller):
    """Watches namespaces, ServiceAccounts and ConfigMaps; keeps the two objects there and right."""

    def __init__(self, client: ApiClient, informers: SharedInformers, ca_pem: str, clock: Clock) -> None:
        super().__init__("serviceaccount", WorkQueue(clock), self.reconcile)
        self._client, self._ca_pem = client, ca_pem
        self._namespaces = informers.of(NAMESPACES)
        self._accounts = informers.of(SERVICEACCOUNTS)
        self._configs = informers.of(CONFIGMAPS)
        self._namespaces.on_change(self._namespace_changed)
        self._accounts.on_change(self._object_changed)
        self._configs.on_change(self._object_changed)

    def _namespace_changed(self, old: Object | None, new: Object | None) -> None:
        if new:
            self.queue.add(new["metadata"]["name"])

    def _object_changed(self, old: Object | None, new: Object | None) -> None:
        obj = old or new
        if obj and obj["metadata"]["name"] in ("default", ROOT_CA):
            self.queue.add(obj["metadata"]["namespace"])

    async def reconcile(self, key: str) -> float | None:
        """Create or mend what the namespace of that name lacks."""
        namespace = self._namespaces.items.get(key)
        if namespace is None or is_terminating(namespace):
            return None
        try:
            if f"{key}/default" not in self._accounts.items:
                await self._create_account(key)
            if self._ca_pem:
                await self._publish_ca(key)
        except (NotFound, Forbidden):
            return None  # the namespace went meanwhile
        return None

    async def _create_account(self, namespace: str) -> None:
        try:
            await self._client.create(
                SERVICEACCOUNTS,
                {
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "metadata": {"name": "default", "namespace": namespace},
                },
            )
        except AlreadyExists:
            pass

    async def _publish_ca(self, namespace: str) -> None:
        present = self._configs.items.get(f"{namespace}/{ROOT_CA}")
        data = {"ca.crt": self._ca_pem}
        if present is None:
            body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": ROOT_CA, "namespace": namespace, "annotations": dict(_DESCRIPTION)},
                "data": data,
            }
            try:
                await self._client.create(CONFIGMAPS, body)
            except AlreadyExists:
                pass
        elif present.get("data") != data:
            await self._client.update(CONFIGMAPS, {**present, "data": data})
