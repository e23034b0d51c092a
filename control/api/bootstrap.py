"""What is there before anybody asks: the system's namespaces, and the API's own Service with its endpoints."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from control.api.admission.attempt import FieldValidation, WriteOptions
from control.api.config import ApiConfig
from control.api.objects import key_of
from control.api.request import Json, User
from control.api.write import Target, Writer
from control.errors import AlreadyExists
from control.names import NODE_LEASE_NAMESPACE
from control.schema.resource import Registry, ResourceRow
from control.store.contract import Store
from dataplane.model.address import Family

NAMESPACES: Final = ("default", "kube-system", "kube-public", NODE_LEASE_NAMESPACE)
_OURSELVES: Final = User("system:apiserver", ("system:masters",))


class Bootstrap:
    """Makes what is missing, and brings the API's endpoints up to date."""

    def __init__(self, store: Store, writer: Writer, registry: Registry, config: ApiConfig) -> None:
        self._store = store
        self._writer = writer
        self._registry = registry
        self._config = config

    async def run(self) -> None:
        """Idempotent; run at each start, before the first request is answered."""
        for name in NAMESPACES:
            await self._ensure("v1", "Namespace", "", {"metadata": {"name": name}})
        await self._ensure("v1", "Service", "default", self._service())
        for obj in self._slices():
            await self._converge("discovery.k8s.io/v1", "EndpointSlice", "default", obj)
        await self._converge("v1", "Endpoints", "default", self._endpoints())

    def _row(self, api_version: str, kind: str) -> ResourceRow | None:
        return self._registry.by_kind(api_version, kind)

    async def _ensure(self, api_version: str, kind: str, namespace: str, obj: Json) -> bool:
        """Whether it had to be made."""
        row = self._row(api_version, kind)
        if row is None or self._store.get(key_of(row, namespace, obj["metadata"]["name"])) is not None:
            return False
        with suppress(AlreadyExists):
            await self._writer.create(row, namespace, obj, _options())
        return True

    async def _converge(self, api_version: str, kind: str, namespace: str, obj: Json) -> None:
        row = self._row(api_version, kind)
        if row is None or await self._ensure(api_version, kind, namespace, obj):
            return
        wanted = {key: value for key, value in obj.items() if key not in ("metadata", "kind", "apiVersion")}
        target = Target(row, namespace, obj["metadata"]["name"])
        await self._writer.change(target, lambda old: {**old, **wanted}, _options())

    def _service(self) -> Json:
        families = [f"IPv{Family.of(cidr)}" for cidr in self._config.service_cidrs[:1]]
        address = str(self._config.service_cidrs[0][1])
        port = {"name": "https", "protocol": "TCP", "port": 443, "targetPort": self._config.advertise_port}
        return {
            "metadata": {
                "name": "kubernetes",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "type": "ClusterIP",
                "clusterIP": address,
                "clusterIPs": [address],
                "ipFamilies": families,
                "ipFamilyPolicy": "SingleStack",
                "ports": [port],
                "sessionAffinity": "None",
            },
        }

    def _addresses(self) -> list[str]:
        """Ours in the Service's family; a loopback address (the API alone, without a lab) is no endpoint."""
        family = Family.of(self._config.service_cidrs[0])
        mine = [ip for ip in self._config.advertise if Family.of(ip) is family]
        return [str(ip) for ip in mine if not ip.is_loopback]

    def _slices(self) -> Iterable[Json]:
        """One for the Service's family; upstream's reconciler names it ``kubernetes``."""
        family = Family.of(self._config.service_cidrs[0])
        addresses = self._addresses()
        if not addresses:
            return
        yield {
            "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
            "addressType": f"IPv{family}",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
            "ports": [{"name": "https", "port": self._config.advertise_port, "protocol": "TCP"}],
        }

    def _endpoints(self) -> Json:
        addresses = [{"ip": ip} for ip in self._addresses()]
        port = {"name": "https", "port": self._config.advertise_port, "protocol": "TCP"}
        return {
            "metadata": {
                "name": "kubernetes",
                "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
            },
            "subsets": [{"addresses": addresses, "ports": [port]}] if addresses else [],
        }


def _options() -> WriteOptions:
    return WriteOptions(user=_OURSELVES, manager="kube-apiserver", validation=FieldValidation.STRICT)
