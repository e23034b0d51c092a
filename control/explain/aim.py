"""What ``TO[:PORT]`` means: an address and a port to send to, and all who may answer there."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from control.errors import NoSuchPlace, UsageError
from control.explain.atlas import Atlas, Json
from dataplane.model.address import Family, HostPort, IPAddress
from dataplane.netns.names import INTERNET
from policy.model import PROTOCOLS
from policy.world import PodFacts

_OUTSIDE = {Family.V4: ip_address("8.8.8.8"), Family.V6: ip_address("2001:4860:4860::8888")}
_BRACKETS = re.compile(r"\[(?P<address>[0-9a-fA-F:.]+)\](?::(?P<port>\d+))?")
_ECHO = ("icmp",)


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

    Raises NoSuchPlace for what is not there, UsageError for a port that is missing.
    """
    protocol, family, namespace = asker.protocol, asker.family, asker.namespace
    name, port = _split(text)
    literal = _literal(name)
    if literal is not None:
        return _aim(atlas, str(literal), literal, port, protocol)
    if name == INTERNET:
        return _aim(atlas, INTERNET, _OUTSIDE[family], port or 80, protocol)
    if name.startswith("node/") or any(name == node.name for node in atlas.plan.fabric.nodes):
        node = next((n for n in atlas.plan.fabric.nodes if n.name == name.removeprefix("node/")), None)
        if node is None:
            raise _nobody(atlas, text)
        return _aim(atlas, f"node {node.name}", _of_family(node.addresses, family, text), port, protocol)
    service = _service_named(atlas, name, namespace)
    if service is not None:
        return _at_service(atlas, service, port, asker)
    pod = _pod_named(atlas, name, namespace)
    if pod is None:
        raise _nobody(atlas, text)
    number = port or _only_port(atlas, pod, protocol)
    return _aim(atlas, pod.key, _of_family(pod.ips, family, text), number, protocol)


def _split(text: str) -> tuple[str, int | None]:
    """``name:port``, ``[v6]:port``, or no port."""
    bracketed = _BRACKETS.fullmatch(text)
    if bracketed:
        return bracketed["address"], int(bracketed["port"]) if bracketed["port"] else None
    if text.count(":") == 1:
        name, _, number = text.partition(":")
        if not number.isdecimal() or not 0 < int(number) < 65536:
            raise UsageError(f"{text!r}: {number!r} is not a port.", "TO:PORT with a port from 1 to 65535")
        return name, int(number)
    return text, None


def _literal(name: str) -> IPAddress | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _aim(atlas: Atlas, said: str, address: IPAddress, port: int | None, protocol: str) -> Aim:
    if port is None and protocol not in _ECHO:
        raise UsageError(f"{said}: which port?", f"{said.removeprefix('node ')}:PORT, or --proto icmp")
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
        f"{text} has no IPv{family.value} address.", "-4 or -6, or podwire kubectl get pods -o wide"
    )


def _service_named(atlas: Atlas, name: str, namespace: str) -> Json | None:
    """``svc/NAME``, ``NAMESPACE/svc/NAME`` or ``svc/NAMESPACE/NAME``."""
    parts = [part for part in name.split("/") if part not in ("svc", "service")]
    if len(parts) == len(name.split("/")) or len(parts) > 2:
        return None
    own, short = (parts[0], parts[1]) if len(parts) == 2 else (namespace, parts[0])
    found = atlas.object("services", own, short)
    if found is None:
        near = sorted(
            f"{s['metadata']['namespace']}/svc/{s['metadata']['name']}" for s in atlas.objects["services"]
        )
        raise NoSuchPlace(
            f"There is no Service {own}/{short}; there are {', '.join(near)}.", "podwire kubectl get svc -A"
        )
    return found


def _at_service(atlas: Atlas, service: Json, port: int | None, asker: Asker) -> Aim:
    meta, spec = service["metadata"], service["spec"]
    key = f"{meta['namespace']}/{meta['name']}"
    protocol, family = asker.protocol, asker.family
    fitting = [p for p in spec.get("ports") or () if (p.get("protocol") or "TCP") == protocol.upper()]
    if asker.outside and any(p.get("nodePort") for p in fitting):
        return _at_node_port(atlas, key, [p for p in fitting if p.get("nodePort")], port, asker)
    addresses = [ip_address(text) for text in spec.get("clusterIPs") or () if text and text != "None"]
    if not addresses:
        return _at_endpoint(atlas, service, port, asker)
    if port is None and protocol not in _ECHO:
        if not fitting:
            raise UsageError(f"Service {key} has no {protocol.upper()} port.", "--proto, or TO:PORT")
        port = int(fitting[0]["port"])
    return _aim(atlas, f"Service {key}", _of_family(tuple(addresses), family, key), port, protocol)


def _at_node_port(atlas: Atlas, key: str, ports: list[Json], port: int | None, asker: Asker) -> Aim:
    """A Service as the internet meets it: at the first worker's NodePort."""
    chosen = next((p for p in ports if p["port"] == port), ports[0])
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


def _pod_named(atlas: Atlas, name: str, namespace: str) -> PodFacts | None:
    """``NAMESPACE/POD``, ``POD``, ``pod/POD``, ``deploy/NAME``, ``NAMESPACE/deploy/NAME``."""
    alive = [pod for pod in atlas.view.world.pods.values() if pod.ips and not pod.finished]
    by_key = {pod.key: pod for pod in alive}
    short = name.removeprefix("pod/")
    found = by_key.get(short) or by_key.get(f"{namespace}/{short}")
    if found is not None or "deploy" not in name:
        return found
    parts = [part for part in name.split("/") if part not in ("deploy", "deployment")]
    workload = "/".join(parts) if len(parts) == 2 else f"{namespace}/{parts[-1]}"
    return next((ready.facts for ready in atlas.view.pods if ready.workload == workload), None)


def _only_port(atlas: Atlas, pod: PodFacts, protocol: str) -> int | None:
    """The first containerPort of that protocol."""
    found = atlas.object("pods", pod.namespace, pod.name)
    for container in (found or {}).get("spec", {}).get("containers", ()):
        for port in container.get("ports") or ():
            if (port.get("protocol") or "TCP") == protocol.upper():
                return int(port["containerPort"])
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
