"""What an API server is told at start."""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final, Protocol

from dataplane.model.address import IPAddress, IPNetwork

NODE_PORTS: Final = range(30000, 32768)


class Dialer(Protocol):
    """Makes sockets in the control plane node's network namespace."""

    def socket(self, family: int, type: int, proto: int = 0) -> socket.socket:  # noqa: A002 (the socket module's word)
        """A socket of that namespace."""
        ...


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """Files, ranges and addresses of one API server.

    store: the SQLite file. client_ca: PEM that client certificates are checked against, and kubelets' too.
    sa_key: PEM private key of service account tokens.
    advertise: addresses under which pods reach it, for the EndpointSlice of Service default/kubernetes.
    service_cidrs: at most one a family, the primary family first.
    kubelet_cert, kubelet_key: client certificate shown to kubelets; dial: makes the sockets to them.
    audit: file of JSON lines, or None.
    tolerated_s: how long pods stay on a node that is not ready, unless they say otherwise.
    durable: False for a store that is thrown away: answers do not wait for the disk.
    service_accounts: False where no controller makes them: pods then need none.
    """

    store: Path
    client_ca: Path
    serving_cert: Path
    serving_key: Path
    sa_key: Path
    advertise: tuple[IPAddress, ...] = (IPv4Address("127.0.0.1"),)
    advertise_port: int = 6443
    service_cidrs: tuple[IPNetwork, ...] = (IPv4Network("10.96.0.0/12"),)
    node_ports: range = NODE_PORTS
    cluster_domain: str = "cluster.local"
    kubelet_cert: Path | None = None
    kubelet_key: Path | None = None
    dial: Dialer | None = None
    audit: Path | None = None
    tolerated_s: int = 300
    durable: bool = True
    service_accounts: bool = True

    @property
    def issuer(self) -> str:
        """As service account tokens name it."""
        return f"https://kubernetes.default.svc.{self.cluster_domain}"
