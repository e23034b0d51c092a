"""The cells of nodes, Services, endpoints, policies and ingresses."""

from typing import Any

from control.schema.table_cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Cells,
    Obj,
    condition,
    head,
    labels,
    selector,
    several,
)

_ROLE = "node-role.kubernetes.io/"


def service(obj: Obj, now: float) -> list[Any]:
    """Type, addresses, ports; wide: selector."""
    spec = obj.get("spec", {})
    name, since = head(obj, now)
    addresses = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    ports = ",".join(
        f"{item.get('port', 0)}:{item['nodePort']}/{item.get('protocol', '')}"
        if item.get("nodePort")
        else f"{item.get('port', 0)}/{item.get('protocol', '')}"
        for item in spec.get("ports") or ()
    )
    return [
        name,
        spec.get("type", ""),
        addresses[0] if addresses else NONE,
        _external(obj),
        ports or NONE,
        since,
        labels(spec.get("selector")),
    ]


def _external(obj: Obj) -> str:
    spec = obj.get("spec", {})
    kind, fixed = spec.get("type"), list(spec.get("externalIPs") or ())
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    if kind == "LoadBalancer":
        points = obj.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
        found = sorted({point.get("ip") or point.get("hostname", "") for point in points})
        return ",".join(text for text in [*found, *fixed] if text) or "<pending>"
    return ",".join(fixed) or NONE


def node(obj: Obj, now: float) -> list[Any]:
    """Status, roles, version; wide: addresses and system."""
    name, since = head(obj, now)
    status = obj.get("status", {})
    info, addresses = status.get("nodeInfo", {}), status.get("addresses") or ()
    ready = condition(obj, "Ready")
    shown = UNKNOWN.strip("<>").capitalize() if ready is None else "NotReady"
    if ready is not None and ready.get("status") == "True":
        shown = "Ready"
    if obj.get("spec", {}).get("unschedulable"):
        shown += ",SchedulingDisabled"

    def first(kind: str) -> str:
        return next((item.get("address", "") for item in addresses if item.get("type") == kind), NONE)

    kernel, machine = info.get("kernelVersion") or UNKNOWN, info.get("architecture")
    if machine:
        kernel = f"{kernel} ({machine})"
    system = [info.get("osImage") or UNKNOWN, kernel, info.get("containerRuntimeVersion") or UNKNOWN]
    version = info.get("kubeletVersion", "")
    return [name, shown, _roles(obj), since, version, first("InternalIP"), first("ExternalIP"), *system]


def _roles(obj: Obj) -> str:
    found = set()
    for key, value in (obj.get("metadata", {}).get("labels") or {}).items():
        if key.startswith(_ROLE) and len(key) > len(_ROLE):
            found.add(key[len(_ROLE) :])
        elif key == "kubernetes.io/role" and value:
            found.add(value)
    return ",".join(sorted(found)) or NONE


def endpoint_slice(obj: Obj, now: float) -> list[Any]:
    """The first few ports and addresses."""
    name, since = head(obj, now)
    ports = [str(item.get("port") or item.get("name") or "*") for item in obj.get("ports") or ()]
    addresses = [text for item in obj.get("endpoints") or () for text in item.get("addresses") or ()]
    return [name, obj.get("addressType", ""), several(ports), several(addresses), since]


def endpoints(obj: Obj, now: float) -> list[Any]:
    """The first few of address and port."""
    name, since = head(obj, now)
    pairs: list[str] = []
    for subset in obj.get("subsets") or ():
        hosts = [
            f"[{a['ip']}]" if ":" in a.get("ip", "") else a.get("ip", "")
            for a in subset.get("addresses") or ()
        ]
        ports = subset.get("ports") or ()
        pairs += [f"{host}:{port.get('port', 0)}" for port in ports for host in hosts] if ports else hosts
    shown = several(pairs)
    return [name, NONE if shown == UNSET else shown, since]


def network_policy(obj: Obj, now: float) -> list[Any]:
    """Which pods."""
    name, since = head(obj, now)
    return [name, selector(obj.get("spec", {}).get("podSelector")), since]


def ingress(obj: Obj, now: float) -> list[Any]:
    """Class, hosts, addresses, ports."""
    spec = obj.get("spec", {})
    name, since = head(obj, now)
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    shown = ",".join(hosts[:3]) + (f" + {len(hosts) - 3} more..." if len(hosts) > 3 else "")
    points = obj.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    found = sorted({point.get("ip") or point.get("hostname", "") for point in points})
    addresses = ",".join(text for text in found if text)
    ports = "80, 443" if spec.get("tls") else "80"
    return [name, spec.get("ingressClassName") or NONE, shown or "*", addresses, ports, since]


def ingress_class(obj: Obj, now: float) -> list[Any]:
    """Controller and parameters."""
    spec = obj.get("spec", {})
    name, since = head(obj, now)
    parameters = spec.get("parameters")
    shown = NONE
    if parameters:
        group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") else ""
        shown = f"{parameters.get('kind', '')}{group}/{parameters.get('name', '')}"
    return [name, spec.get("controller", ""), shown, since]


def service_cidr(obj: Obj, now: float) -> list[Any]:
    """Its ranges."""
    name, since = head(obj, now)
    return [name, ",".join(obj.get("spec", {}).get("cidrs") or ()), since]


def ip_address(obj: Obj, now: float) -> list[Any]:
    """Whose it is."""
    ref = obj.get("spec", {}).get("parentRef") or {}
    if not ref:
        return [head(obj, now)[0], NONE]
    resource = ".".join(part for part in (ref.get("resource", ""), ref.get("group", "")) if part).lower()
    parts = [ref["namespace"]] if ref.get("namespace") else []
    return [head(obj, now)[0], "/".join([resource, *parts, ref.get("name", "")])]


PRINTERS: dict[str, Cells] = {
    "services": service,
    "nodes": node,
    "endpoints": endpoints,
    "endpointslices.discovery.k8s.io": endpoint_slice,
    "networkpolicies.networking.k8s.io": network_policy,
    "ingresses.networking.k8s.io": ingress,
    "ingressclasses.networking.k8s.io": ingress_class,
    "servicecidrs.networking.k8s.io": service_cidr,
    "ipaddresses.networking.k8s.io": ip_address,
}
