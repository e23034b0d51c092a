"""What an attachment came to: a value, and the JSON that the specification asks for."""

from dataclasses import dataclass
from typing import Any

from cni.spec import version
from dataplane.model.address import IPAddress, MacAddress
from dataplane.model.topology import IPInterface
from dataplane.netns import names

_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


@dataclass(frozen=True, slots=True)
class CniResult:
    """What a pod got.

    interface: in the pod. host_interface: the node's end. addresses: with prefix length, the primary family
    first. gateways: one a family, in the same order. label: ``namespace/pod``.
    """

    container_id: str
    netns: str
    interface: str
    host_interface: str
    mac: MacAddress
    addresses: tuple[IPInterface, ...]
    gateways: tuple[IPAddress, ...]
    mtu: int = 1450
    label: str = ""

    @property
    def ips(self) -> tuple[IPAddress, ...]:
        """The bare addresses, for ``status.podIPs``."""
        return tuple(address.ip for address in self.addresses)

    def as_json(self, spoken: str = version.CURRENT) -> dict[str, Any]:
        """An ADD's success, in the shape of a version (before 1.0 each address says its family)."""
        ips = [
            {"address": str(address), "gateway": str(gateway), "interface": 1}
            | ({} if spoken.startswith("1.") else {"version": str(address.version)})
            for address, gateway in zip(self.addresses, self.gateways, strict=True)
        ]
        pod: dict[str, Any] = {
            "name": self.interface,
            "mac": str(self.mac),
            "sandbox": str(names.path(self.netns)),
        }
        host: dict[str, Any] = {"name": self.host_interface}
        if spoken == "1.1.0":
            pod["mtu"] = host["mtu"] = self.mtu
        return {
            "cniVersion": spoken,
            "interfaces": [host, pod],
            "ips": ips,
            "routes": [
                {"dst": _EVERYWHERE[gateway.version], "gw": str(gateway)} for gateway in self.gateways
            ],
            "dns": {},
        }
