"""A Service's update: what the server allocated stays when the client leaves it out."""

from typing import Any

_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
_WITH_CLUSTER_IP = ("ClusterIP", *_WITH_NODE_PORTS)


def carry_over_service(new: dict[str, Any], old: dict[str, Any]) -> None:
    """Take cluster IPs, node ports and the health check's port from ``old`` where ``new`` has none.

    And drop what the new type does not have, when the client left it as it was.
    """
    spec, had = new.setdefault("spec", {}), old.get("spec", {})
    _drop_by_type(spec, had)
    kind, old_kind = spec.get("type"), had.get("type")
    if kind in _WITH_CLUSTER_IP and old_kind in _WITH_CLUSTER_IP:
        for key in ("clusterIP", "clusterIPs"):
            if not spec.get(key) and had.get(key):
                spec[key] = had[key]
        for key in ("ipFamilies", "ipFamilyPolicy"):
            if not spec.get(key) and had.get(key):
                spec[key] = had[key]
    if kind in _WITH_NODE_PORTS and old_kind in _WITH_NODE_PORTS:
        _node_ports(spec, had)
    local = kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"
    if local and had.get("healthCheckNodePort") and not spec.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = had["healthCheckNodePort"]


def _node_ports(spec: dict[str, Any], had: dict[str, Any]) -> None:
    """By port and protocol; a node port that the client gave to another port is not taken twice."""
    before = {(p.get("protocol"), p.get("port")): p.get("nodePort") for p in had.get("ports", ())}
    used = {(p.get("protocol"), p["nodePort"]) for p in spec.get("ports", ()) if p.get("nodePort")}
    for port in spec.get("ports", ()):
        if port.get("nodePort"):
            continue
        known = before.get((port.get("protocol"), port.get("port")))
        if known and (port.get("protocol"), known) not in used:
            port["nodePort"] = known
            used.add((port.get("protocol"), known))


def _drop_by_type(spec: dict[str, Any], had: dict[str, Any]) -> None:
    kind, old_kind = spec.get("type"), had.get("type")
    if kind == old_kind:
        return
    if old_kind in _WITH_CLUSTER_IP and kind == "ExternalName":
        for key in ("clusterIP", "clusterIPs"):
            if spec.get(key) == had.get(key):
                spec.pop(key, None)
    if old_kind in _WITH_NODE_PORTS and kind not in _WITH_NODE_PORTS:
        before = {(p.get("protocol"), p.get("port")): p.get("nodePort") for p in had.get("ports", ())}
        for port in spec.get("ports", ()):
            if port.get("nodePort") == before.get((port.get("protocol"), port.get("port"))):
                port.pop("nodePort", None)
        same = spec.get("externalTrafficPolicy") == had.get("externalTrafficPolicy")
        if same and not (kind == "ClusterIP" and spec.get("externalIPs")):
            spec.pop("externalTrafficPolicy", None)
    if old_kind == "LoadBalancer":
        for key in ("healthCheckNodePort", "allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if spec.get(key) == had.get(key):
                spec.pop(key, None)
