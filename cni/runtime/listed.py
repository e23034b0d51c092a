"""A node's pod network as a conflist says it: what ``inprocess`` is for our own plugin, for anybody's."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import Any

from cni.errors import CNIError, ConfigInvalid
from cni.runtime.cache import Attachment, Cache
from cni.runtime.chain import Chain
from cni.runtime.exec import Plugins
from cni.spec import conflist
from cni.spec.config import AttachRequest, NodeNetwork
from cni.spec.result import CniResult
from dataplane.errors import KernelError
from dataplane.model.address import IPAddress, MacAddress
from dataplane.netns import create, names

log = logging.getLogger(__name__)
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Port:
    """Where a pod meets its node. interface: the node's end; empty when the plugin named none."""

    interface: str
    mac: MacAddress


class ListedNetwork:
    """The pods of one node, plugged in by the plugins of a list. The cache and the plugins are the memory.

    Links are up when ``add`` returns: until the pod's policy is in the kernel, the guard at the bridge drops
    what comes from a port that it does not know. Methods are called one at a time, ``port`` from any thread.
    """

    def __init__(self, node: NodeNetwork, document: Any, path: tuple[str, ...]) -> None:
        """document: the list with its placeholders. path: where plugins are. Raises ConfigInvalid."""
        self.node = node
        network = conflist.read(conflist.fill_in(document, node))
        self._cache = Cache(node.directory / "attachments")
        self._plugins = Plugins(node.netns, path, lock=node.directory / "plugins.lock")
        self._chain = Chain(network, self._plugins, self._cache)
        self._owed: set[str] = set()

    def add(self, request: AttachRequest) -> CniResult:
        """Make the namespace, run the list. Again: the same result.

        A pod whose namespace went (a reboot) is plugged in anew, with the addresses it had where the list
        has a plugin that declares the capability ``ips``. Raises CNIError, KernelError.
        """
        known = self._cache.find(request.container_id, request.interface)
        had: tuple[str, ...] = ()
        if known is not None and (known.result is None or not create.is_there(request.netns)):
            had = tuple(each["address"] for each in (known.result or {}).get("ips", ()))
            self._chain.delete(self._attachment(request.container_id, request.netns))
        ipv6 = any(cidr.version == 6 for cidr in self.node.pod_cidrs)
        create.ensure(request.netns, ipv6=ipv6)
        attachment = Attachment(
            request.container_id,
            str(names.path(request.netns)),
            request.interface,
            _args(request),
            {
                "portMappings": [mapping.as_json() for mapping in request.port_mappings],
                "ips": [*map(str, request.addresses)] or list(had),
            },
        )
        result = as_result(request, self._chain.add(attachment), self.node)
        self._refuse_strangers(request, result)
        return result

    def enable(self, container_id: str) -> None:
        """Nothing to do: plugins leave links up, and the guard has just learned of this one."""

    def delete(self, container_id: str, netns: str) -> None:
        """Undo the list, then remove the namespace. A plugin that fails is told again at the next delete or GC."""
        self._owed.add(container_id)
        for each in tuple(self._owed):
            where = netns if each == container_id else ""
            try:
                self._chain.delete(self._attachment(each, where))
                self._owed.discard(each)
            except (CNIError, KernelError) as error:
                log.warning("%s: DEL of %s: %s; tried again later", self.node.node, each, error)
        create.delete(netns)

    def gc(self, valid: Collection[str]) -> None:
        """Undo what no pod of ``valid`` (container ids) holds, once what an agent before us began has ended."""
        if not self._plugins.ended():
            log.warning("%s: a plugin that was begun earlier is still under way", self.node.node)
        for entry in self._cache.entries():
            if entry.attachment.container_id not in valid:
                self.delete(entry.attachment.container_id, entry.attachment.netns.rpartition("/")[2])
        for error in self._chain.gc({(each, "eth0") for each in valid}):
            log.warning("%s: GC: %s", self.node.node, error)

    def port(self, container_id: str) -> Port | None:
        """The pod's port, as the result of ADD has it; None when it has none (yet)."""
        entry = self._cache.find(container_id)
        if entry is None or entry.result is None:
            return None
        host, pod = _ends(entry.result, entry.attachment.interface)
        mac = pod.get("mac") if pod else None
        return Port(host, MacAddress.parse(mac)) if mac else None

    def _attachment(self, container_id: str, netns: str) -> Attachment:
        there = str(names.path(netns)) if netns and create.is_there(netns) else ""
        return Attachment(container_id, there)

    def _refuse_strangers(self, request: AttachRequest, result: CniResult) -> None:
        """Addresses that no other node has a route to: said now, not found out by lost packets."""
        strangers = [
            str(address)
            for address in result.ips
            if not any(address in cidr for cidr in self.node.pod_cidrs if cidr.version == address.version)
        ]
        if not strangers:
            return
        self.delete(request.container_id, request.netns)
        ranges = ", ".join(map(str, self.node.pod_cidrs))
        raise ConfigInvalid(
            f"{request.label}: the conflist's plugins gave {', '.join(strangers)}, which {self.node.node}'s"
            f" range ({ranges}) does not hold: no other node has a route to it",
            mend="${podCIDR} in the conflist's ranges, see docs/how/cni.md",
        )


def as_result(request: AttachRequest, said: Json, node: NodeNetwork) -> CniResult:
    """A result of any version's JSON as the value that the kubelet takes. Raises ConfigInvalid."""
    host, pod = _ends(said, request.interface)
    ips = sorted(said.get("ips", ()), key=lambda each: _order(each, node))
    if not ips or pod is None:
        raise ConfigInvalid(
            f"{request.label}: the conflist's result has no {'address' if pod else request.interface}"
        )
    gateways: list[IPAddress] = [ip_address(each["gateway"]) for each in ips if each.get("gateway")]
    return CniResult(
        container_id=request.container_id,
        netns=request.netns,
        interface=request.interface,
        host_interface=host,
        mac=MacAddress.parse(pod.get("mac") or "00:00:00:00:00:00"),
        addresses=tuple(ip_interface(each["address"]) for each in ips),
        gateways=tuple(gateways),
        mtu=node.mtu,
        label=request.label,
    )


def _order(ip: Json, node: NodeNetwork) -> int:
    versions = [cidr.version for cidr in node.pod_cidrs]
    version = ip_interface(ip["address"]).version
    return versions.index(version) if version in versions else len(versions)


def _ends(said: Json, interface: str) -> tuple[str, Json | None]:
    """The node's end by name, and the pod's end: of the interfaces outside, the last one is nearest to the pod."""
    interfaces = said.get("interfaces") or ()
    outside = [each["name"] for each in interfaces if not each.get("sandbox")]
    pod = next((each for each in interfaces if each.get("sandbox") and each["name"] == interface), None)
    return (outside[-1] if outside else ""), pod


def _args(request: AttachRequest) -> tuple[tuple[str, str], ...]:
    """The conventions of Kubernetes' runtimes."""
    return (
        ("IgnoreUnknown", "1"),
        ("K8S_POD_NAMESPACE", request.namespace),
        ("K8S_POD_NAME", request.pod),
        ("K8S_POD_INFRA_CONTAINER_ID", request.container_id),
        ("K8S_POD_UID", request.container_id),
    )
