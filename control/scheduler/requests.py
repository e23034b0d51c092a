"""What a pod asks of a node: resources and ports, as numbers. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from control.schema.quantity import milli, whole

Object = dict[str, Any]
Resources = dict[str, int]
"""Resource name → amount: cpu in thousandths, everything else in ones."""

DEFAULT_CPU, DEFAULT_MEMORY = 100, 200 * 1024 * 1024
"""What a container without a request counts for in scores (upstream's non-zero requests)."""


def amounts(quantities: Mapping[str, Any] | None) -> Resources:
    """Quantities as numbers."""
    return {
        name: milli(value) if name == "cpu" else whole(value) for name, value in (quantities or {}).items()
    }


def _requests_of(container: Object) -> Resources:
    return amounts((container.get("resources") or {}).get("requests"))


def _add(total: Resources, more: Mapping[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _raise(total: Resources, least: Mapping[str, int]) -> None:
    for name, value in least.items():
        total[name] = max(total.get(name, 0), value)


def requests_of(spec: Object) -> Resources:
    """Requests of a pod: the sum of its containers, or what its init phase needs if that is more.

    An init container that always restarts (a sidecar) counts with the containers, and with the init
    containers after it.
    """
    total: Resources = {}
    for container in spec.get("containers") or ():
        _add(total, _requests_of(container))
    sidecars: Resources = {}
    init: Resources = {}
    for container in spec.get("initContainers") or ():
        own = _requests_of(container)
        if container.get("restartPolicy") == "Always":
            _add(total, own)
            _add(sidecars, own)
            _raise(init, sidecars)
        else:
            _add(own, sidecars)
            _raise(init, own)
    _raise(total, init)
    pod_level = amounts((spec.get("resources") or {}).get("requests"))
    total.update(pod_level)
    _add(total, amounts(spec.get("overhead")))
    return {name: value for name, value in total.items() if value}


def scored_requests(spec: Object) -> tuple[int, int]:
    """CPU and memory that scores reckon with: a container that asks for nothing still counts."""
    cpu = memory = 0
    for container in spec.get("containers") or ():
        own = _requests_of(container)
        cpu += own.get("cpu", DEFAULT_CPU)
        memory += own.get("memory", DEFAULT_MEMORY)
    asked = requests_of(spec)
    return max(cpu, asked.get("cpu", 0)), max(memory, asked.get("memory", 0))


HostPort = tuple[str, str, int]
"""Address, protocol, port."""
ANY = "0.0.0.0"


def host_ports_of(spec: Object) -> frozenset[HostPort]:
    """Ports of the node that the pod wants for itself."""
    found = set()
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in [*(spec.get("containers") or ()), *sidecars]:
        for port in container.get("ports") or ():
            number = port.get("hostPort") or (port.get("containerPort") if spec.get("hostNetwork") else 0)
            if number:
                found.add((port.get("hostIP") or ANY, port.get("protocol") or "TCP", int(number)))
    return frozenset(found)


def ports_clash(wanted: Iterable[HostPort], used: Iterable[HostPort]) -> bool:
    """Whether a port is wanted that is taken, on the same address or on all."""
    taken = list(used)
    return any(
        protocol == other_protocol and port == other_port and (ip in (other_ip, ANY) or other_ip == ANY)
        for ip, protocol, port in wanted
        for other_ip, other_protocol, other_port in taken
    )
