"""One pod as an endpoint of a Service: its address, ports and conditions. Pure."""

from control.controllers.metadata import Object, is_terminating, labels_of, uid_of
from control.controllers.pod_state import is_finished, is_ready

PortMap = tuple[tuple[str, int | None, str, str], ...]
"""(name, port, protocol, appProtocol) of each port: pods with equal ones share slices."""

ADDRESS_TYPES = ("IPv4", "IPv6")


def families_of(service: Object) -> tuple[str, ...]:
    """Address types of the slices that a Service gets, the primary first."""
    return tuple(service["spec"].get("ipFamilies") or ("IPv4",))


def is_headless(service: Object) -> bool:
    """Whether the Service asked for no cluster address."""
    return str(service["spec"].get("clusterIP") or "") == "None"


def address_of(pod: Object, address_type: str) -> str | None:
    """The pod's address of a family, as it stands in its status."""
    status = pod.get("status") or {}
    addresses = [entry.get("ip", "") for entry in status.get("podIPs") or ()] or [status.get("podIP") or ""]
    v6 = address_type == "IPv6"
    return next((ip for ip in addresses if ip and (":" in ip) == v6), None)


def belongs(pod: Object) -> bool:
    """Whether a selected pod is an endpoint: it has an address and has not ended. Terminating ones are."""
    status = pod.get("status") or {}
    return not is_finished(pod) and bool(status.get("podIP") or status.get("podIPs"))


def ports_of(service: Object, pod: Object) -> PortMap:
    """The Service's ports as numbers of this pod; a named port that the pod does not have is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        protocol = port.get("protocol") or "TCP"
        number = _number_of(port, protocol, pod)
        if number is not None:
            found.append((port.get("name") or "", number, protocol, port.get("appProtocol") or ""))
    return tuple(found)


def _number_of(port: Object, protocol: str, pod: Object) -> int | None:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target or int(port["port"])
    spec = pod["spec"]
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in [*(spec.get("containers") or ()), *sidecars]:
        for declared in container.get("ports") or ():
            if declared.get("name") == target and (declared.get("protocol") or "TCP") == protocol:
                return int(declared["containerPort"])
    return None


def ports_json(ports: PortMap) -> list[Object]:
    """A port map as a slice holds it."""
    result = []
    for name, number, protocol, app_protocol in ports:
        entry: Object = {"name": name, "port": number, "protocol": protocol}
        if app_protocol:
            entry["appProtocol"] = app_protocol
        result.append(entry)
    return result


def ports_key(slice_: Object) -> PortMap:
    """The port map of a slice."""
    return tuple(
        (p.get("name") or "", p.get("port"), p.get("protocol") or "TCP", p.get("appProtocol") or "")
        for p in slice_.get("ports") or ()
    )


def endpoint(service: Object, pod: Object, address: str, node: Object | None) -> Object:
    """The endpoint entry of a pod in a slice."""
    spec, metadata = pod["spec"], pod["metadata"]
    serving, terminating = is_ready(pod), is_terminating(pod)
    publish = bool(service["spec"].get("publishNotReadyAddresses"))
    result: Object = {
        "addresses": [address],
        "conditions": {
            "ready": publish or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": {
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": uid_of(pod),
        },
    }
    if spec.get("nodeName"):
        result["nodeName"] = spec["nodeName"]
    if spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]:
        result["hostname"] = spec["hostname"]
    zone = labels_of(node).get("topology.kubernetes.io/zone") if node else None
    if zone:
        result["zone"] = zone
    return result


def concerns(pod: Object) -> tuple[object, ...]:
    """All of a pod that its endpoint depends on: a change of anything else is none for us."""
    status, spec = pod.get("status") or {}, pod["spec"]
    return (
        uid_of(pod),
        labels_of(pod),
        is_terminating(pod),
        is_finished(pod),
        is_ready(pod),
        status.get("podIP"),
        status.get("podIPs"),
        spec.get("nodeName"),
        spec.get("hostname"),
        spec.get("subdomain"),
    )
