"""The variables that pods get of Services: those of their own namespace, and of the API server."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from control.agents.environment import service_links
from dataplane.model.address import IPNetwork

Json = dict[str, Any]
BY_NAMESPACE = "service links by namespace"
_API_SERVER = "default/kubernetes"


class Services(Protocol):
    """An Informer of Services, as far as these variables need it."""

    items: dict[str, Json]

    def index(self, name: str, keys: Callable[[Json], Sequence[str]]) -> None:
        """Keep an index."""

    def by_index(self, name: str, value: str) -> list[Json]:
        """The objects under a value of an index."""


class ServiceLinks:
    """Looks the variables up. services: None leaves those of the API server, by its address in the range."""

    def __init__(self, services: Services | None, cidrs: Sequence[IPNetwork]) -> None:
        self._services = services
        self._cidrs = cidrs
        if services is not None:
            services.index(BY_NAMESPACE, lambda service: (service["metadata"]["namespace"],))

    def of(self, namespace: str, *, enabled: bool = True) -> Mapping[str, str]:
        """A pod's. enabled: its ``enableServiceLinks``; the API server's are there either way."""
        own: list[Json] = []
        if self._services is not None and enabled:
            own = self._services.by_index(BY_NAMESPACE, namespace)
        return service_links((*own, *self._api_server()))

    def _api_server(self) -> tuple[Json, ...]:
        known = self._services.items.get(_API_SERVER) if self._services is not None else None
        if known is not None:
            return (known,)
        if not self._cidrs:
            return ()
        address = str(self._cidrs[0].network_address + 1)
        spec = {"clusterIP": address, "ports": [{"name": "https", "port": 443, "protocol": "TCP"}]}
        return ({"metadata": {"name": "kubernetes"}, "spec": spec},)
