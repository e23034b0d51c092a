"""What ``TO[:PORT]`` means: an address and a port to send to, and all who may answer there."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from control.errors import AimInvalid, NoSuchPlace
from control.explain.atlas import Atlas, Json
from control.explain.pods import pods_named, without_kind
from dataplane.model.address import Family, HostPort, IPAddress
from dataplane.netns.names import INTERNET
from policy.model import PROTOCOLS
from policy.world import PodFacts

_OUTSIDE = {Family.V4: ip_address("8.8.8.8"), Family.V6: ip_address("2001:4860:4860::8888")}
_BROADCAST = ip_address("255.255.255.255")
_BRACKETS = re.compile(r"\[(?P<address>[^\]]+)\](?::(?P<port>.*))?")
_ECHO = ("icmp",)
_NAMED = 10
Wanted = int | str | None
"""The port after the colon: a number, a name, or none."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Where to send. said: as a person would say it. answers: addresses that may get it in the end."""

    said: str
    address: IPAddress
    port: int
    answers: tuple[IPAddress, ...]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. protocol: tcp, udp, sctp or icmp. namespace: of names that say none. outside: from the internet,
    where a Service is met at its NodePort.
    """

    protocol: str = "tcp"
    family: Family = Family.V4
    namespace: str = "default"
    outside: bool = False


def aim_at(atlas: Atlas, text: str, asker: Asker) -> Aim:
    """The aim of a text.

    Raises NoSuchPlace for what is not there, AimInvalid for what no packet can be sent to.
    """
    protocol, family, namespace = asker.protocol, asker.family, asker.namespace
    name, port = _split(text)
    literal = _literal(name)
    if literal is not None:
        return _aim(atlas, str(literal), literal, _number(text, port), protocol)
    if name == INTERNET:
        return _aim(atlas, INTERNET, _OUTSIDE[family], _number(text, port) or 80, protocol)
    if name.startswith("node/") or any(name == node.name for node in atlas.plan.fabric.nodes):
        node = next((n for n in atlas.plan.fabric.nodes if n.name == name.removeprefix("node/")), None)
        if node is None:
            raise _nobody(atlas, text)
        address = _of_family(node.addresses, family, text)
        return _aim(atlas, f"node {node.name}", address, _number(text, port), protocol)
    service = _service_named(atlas, name, namespace)
    if service is not None:
        return _at_service(atlas, service, port, asker)
    pod = next(iter(pods_named(atlas, name, namespace)), None)
    if pod is None:
        raise _nobody(atlas, text)
    number = port if isinstance(port, int) else _container_port(atlas, pod, protocol, port)
    return _aim(atlas, pod.key, _of_family(pod.ips, family, text), number, protocol)


def _split(text: str) -> tuple[str, Wanted]:
    """``name:port``, ``[v6]:port``, or no port."""
    bracketed = _BRACKETS.fullmatch(text)
    if bracketed:
        name, port = bracketed["address"], bracketed["port"]
    elif text.count(":") == 1:
        name, _, port = text.partition(":")
    else:
        return text, None
    if port is None:
        return name, None
    if not port or (port.isdecimal() and not 0 < int(port) < 65536):
        raise _no_port(text, port)
    return name, int(port) if port.isdecimal() else port


def _no_port(text: str, port: str) -> AimInvalid:
    return AimInvalid(f"{text!r}: {port!r} is not a port.", "TO:PORT with a port from 1 to 65535")


def _number(text: str, port: Wanted) -> int | None:
    """The port where only a number can be one."""
    if isinstance(port, str):
        raise _no_port(text, port)
    return port


def _literal(name: str) -> IPAddress | None:
    """An address of one host; None for a name."""
    try:
        found = ip_address(name)
    except ValueError:
        return None
    if found.is_multicast or found.is_unspecified or found == _BROADCAST or "%" in name:
        raise AimInvalid(
            f"{name} is not the address of one host: a packet to it has no one way to follow.",
            "an address of a pod, a node, a Service, or of the internet",
        )
    return found


def _aim(atlas: Atlas, said: str, address: IPAddress, port: int | None, protocol: str) -> Aim:
    if port is None and protocol not in _ECHO:
        shown = f"[{said}]" if ":" in said else said.removeprefix("node ")
        raise AimInvalid(f"{said}: which port?", f"{shown}:PORT, or --proto icmp")
    answers = [address]
    if port is not None:
        view = atlas.service_port(address, port, PROTOCOLS.get(protocol.upper(), 0))
        answers += [endpoint.address for endpoint in view.endpoints] if view is not None else []
    return Aim(said, address, port or 0, tuple(answers))


def _of_family(addresses: tuple[IPAddress, ...], family: Family, text: str) -> IPAddress:
    for address in addresses:
        if Family.of(address) is family:
            return address
    raise NoSuchPlace(
        f"{text} has no IPv{family.value} address.",
        "without -6" if family is Family.V6 else "with -6",
    )


def _service_named(atlas: Atlas, name: str, namespace: str) -> Json | None:
    """``svc/NAME``, ``NAMESPACE/svc/NAME`` or ``svc/NAMESPACE/NAME``."""
    found_name = without_kind(name, ("svc", "service"))
    if found_name is None:
        return None
    own, _, short = found_name.rpartition("/")
    own = own or namespace
    found = atlas.object("services", own, short)
    if found is None:
        every = (s["metadata"] for s in atlas.objects["services"])
        near = sorted(f"{meta['namespace']}/svc/{meta['name']}" for meta in every)
        more = f" and {len(near) - _NAMED} more" if len(near) > _NAMED else ""
        raise NoSuchPlace(
            f"There is no Service {own}/{short}; there are {', '.join(near[:_NAMED])}{more}.",
            "podwire kubectl get svc -A",
        )
    return found


def _at_service(atlas: Atlas, service: Json, port: Wanted, asker: Asker) -> Aim:
    meta, spec = service["metadata"], service["spec"]
    key = f"{meta['namespace']}/{meta['name']}"
    if spec.get("type") == "ExternalName":
        raise NoSuchPlace(
            f"Service {key} is another name for {spec.get('externalName')}, in DNS only: no rule of the lab has it.",
            "an address of that name, as ADDRESS:PORT",
        )
    protocol, family = asker.protocol, asker.family
    fitting = [p for p in spec.get("ports") or () if (p.get("protocol") or "TCP") == protocol.upper()]
    if isinstance(port, str):
        named = next((p for p in fitting if p.get("name") == port), None)
        if named is None:
            raise _service_port_missing(key, fitting, protocol, port)
        port = int(named["port"])
    if asker.outside and any(p.get("nodePort") for p in fitting):
        return _at_node_port(atlas, key, [p for p in fitting if p.get("nodePort")], port, asker)
    addresses = [ip_address(text) for text in spec.get("clusterIPs") or () if text and text != "None"]
    if not addresses:
        return _at_endpoint(atlas, service, port, asker)
    if port is None and protocol not in _ECHO:
        if not fitting:
            raise AimInvalid(f"Service {key} has no {protocol.upper()} port.", "--proto, or TO:PORT")
        port = int(fitting[0]["port"])
    return _aim(atlas, f"Service {key}", _of_family(tuple(addresses), family, key), port, protocol)


def _service_port_missing(key: str, ports: list[Json], protocol: str, port: int | str) -> AimInvalid:
    has = ", ".join(f"{p['port']} ({p['name']})" if p.get("name") else str(p["port"]) for p in ports)
    return AimInvalid(
        f"Service {key} has no {protocol.upper()} port {port}" + (f": it has {has}." if has else "."),
        "TO:PORT with one of its ports, or --proto",
    )


def _at_node_port(atlas: Atlas, key: str, ports: list[Json], port: int | None, asker: Asker) -> Aim:
    """A Service as the internet meets it: at the first worker's NodePort."""
    chosen = next((p for p in ports if port in (None, p["port"], p["nodePort"])), None)
    if chosen is None:
        raise _service_port_missing(key, ports, asker.protocol, port or 0)
    nodes = atlas.plan.fabric.nodes
    node = nodes[1] if len(nodes) > 1 else nodes[0]
    said = f"Service {key}, NodePort at {node.name}"
    address = _of_family(node.addresses, asker.family, key)
    return _aim(atlas, said, address, int(chosen["nodePort"]), asker.protocol)


def _at_endpoint(atlas: Atlas, service: Json, port: int | None, asker: Asker) -> Aim:
    """A headless Service: DNS would give its endpoints themselves; the first stands for them."""
    meta = service["metadata"]
    key = f"{meta['namespace']}/{meta['name']}"
    slices = [
        piece
        for piece in atlas.objects["endpointslices"]
        if piece["metadata"]["namespace"] == meta["namespace"]
        and (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == meta["name"]
        and piece.get("addressType") == f"IPv{asker.family.value}"
    ]
    for piece in slices:
        for endpoint in piece.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready", True):
                number = port or next((p["port"] for p in piece.get("ports") or ()), None)
                said = f"Service {key} (headless: DNS gives its endpoints)"
                return _aim(atlas, said, ip_address(endpoint["addresses"][0]), number, asker.protocol)
    raise NoSuchPlace(
        f"Headless Service {key} has no ready endpoint, so its name has no address.",
        f"podwire kubectl -n {meta['namespace']} get endpointslices",
    )


def _container_port(atlas: Atlas, pod: PodFacts, protocol: str, name: str | None) -> int | None:
    """The containerPort of that protocol and name; the first of that protocol for no name."""
    found = atlas.object("pods", pod.namespace, pod.name)
    for container in (found or {}).get("spec", {}).get("containers", ()):
        for port in container.get("ports") or ():
            if (port.get("protocol") or "TCP") == protocol.upper() and name in (None, port.get("name")):
                return int(port["containerPort"])
    if name is not None:
        raise AimInvalid(
            f"Pod {pod.key} has no {protocol.upper()} port of the name {name!r}.",
            "TO:PORT with a port from 1 to 65535",
        )
    return None


def _nobody(atlas: Atlas, text: str) -> NoSuchPlace:
    nodes = ", ".join(node.name for node in atlas.plan.fabric.nodes)
    return NoSuchPlace(
        f"No place {text!r} in lab {atlas.plan.name}: NAMESPACE/POD, deploy/NAME, svc/NAME, node/NAME ({nodes}), "
        "internet, or an address.",
        "podwire kubectl get pods,svc -A",
    )


def host_port(aim: Aim) -> str:
    """``address:port``, or the address alone where there is no port."""
    return str(HostPort(aim.address, aim.port)) if aim.port else str(aim.address)
