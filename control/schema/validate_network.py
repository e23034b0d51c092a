"""Rules for NetworkPolicy and Ingress."""

from collections.abc import Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.validate_container import PROTOCOLS
from control.schema.validate_meta import label_selector

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def network_policy(obj: Mapping[str, Any]) -> list[Cause]:
    """A NetworkPolicy."""
    spec = obj.get("spec", {})
    found = label_selector(spec.get("podSelector"), "spec.podSelector")
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction, ())):
            at = f"spec.{direction}[{index}]"
            for number, item in enumerate(rule.get("ports", ())):
                found += _port(item, f"{at}.ports[{number}]")
            for number, peer in enumerate(rule.get(peers, ())):
                found += _peer(peer, f"{at}.{peers}[{number}]")
    types = spec.get("policyTypes", [])
    if len(types) > 2:
        return [
            *found,
            causes.invalid("spec.policyTypes", types, "may not specify more than two policyTypes"),
        ]
    for index, kind in enumerate(types):
        if kind not in ("Ingress", "Egress"):
            at = f"spec.policyTypes[{index}]"
            found.append(causes.not_supported(at, kind, ("Ingress", "Egress")))
    return found


def _port(item: Mapping[str, Any], at: str) -> list[Cause]:
    found: list[Cause] = []
    protocol, port, end = item.get("protocol"), item.get("port"), item.get("endPort")
    if protocol is not None and protocol not in PROTOCOLS:
        found.append(causes.not_supported(f"{at}.protocol", protocol, ("TCP", "UDP", "SCTP")))
    if port is None:
        if end is not None:
            said = "may not be specified when `port` is not specified"
            found.append(causes.invalid(f"{at}.endPort", end, said))
        return found
    if isinstance(port, str):
        if end is not None:
            said = "may not be specified when `port` is non-numeric"
            found.append(causes.invalid(f"{at}.endPort", end, said))
        return found + causes.all_invalid(f"{at}.port", port, formats.port_name(port))
    found += causes.all_invalid(f"{at}.port", port, formats.port_number(port))
    if end is not None:
        if end < port:
            said = "must be greater than or equal to `port`"
            found.append(causes.invalid(f"{at}.endPort", end, said))
        found += causes.all_invalid(f"{at}.endPort", end, formats.port_number(end))
    return found


def _peer(peer: Mapping[str, Any], at: str) -> list[Cause]:
    found: list[Cause] = []
    selects = [key for key in ("podSelector", "namespaceSelector") if key in peer]
    for key in selects:
        found += label_selector(peer[key], f"{at}.{key}")
    if "ipBlock" in peer:
        found += _ip_block(peer["ipBlock"], f"{at}.ipBlock")
    if not selects and "ipBlock" not in peer:
        found.append(causes.required(at, "must specify a peer"))
    elif selects and "ipBlock" in peer:
        said = "may not specify both ipBlock and another peer"
        found.insert(0, causes.forbidden(at, said))
    return found


def _ip_block(block: Mapping[str, Any], at: str) -> list[Cause]:
    text = block.get("cidr", "")
    if not text:
        return [causes.required(f"{at}.cidr")]
    whole = formats.network(text)
    if whole is None:
        return [causes.invalid(f"{at}.cidr", text, formats.CIDR_WORDS)]
    found: list[Cause] = []
    for index, part in enumerate(block.get("except", ())):
        place = f"{at}.except[{index}]"
        inner = formats.network(part)
        if inner is None:
            found.append(causes.invalid(place, part, formats.CIDR_WORDS))
            continue
        inside = inner.version == whole.version and int(inner.network_address) & int(whole.netmask) == int(
            whole.network_address
        )
        if not inside or inner.prefixlen <= whole.prefixlen:
            found.append(causes.invalid(place, part, "must be a strict subset of `cidr`"))
    return found


def ingress(obj: Mapping[str, Any]) -> list[Cause]:
    """An Ingress."""
    spec = obj.get("spec", {})
    found: list[Cause] = []
    if not spec.get("rules") and "defaultBackend" not in spec:
        said = "either `defaultBackend` or `rules` must be specified"
        found.append(causes.invalid("spec", spec.get("rules"), said))
    if "defaultBackend" in spec:
        found += _backend(spec["defaultBackend"], "spec.defaultBackend")
    for index, rule in enumerate(spec.get("rules", ())):
        found += _rule(rule, f"spec.rules[{index}]")
    for index, item in enumerate(spec.get("tls", ())):
        for number, host in enumerate(item.get("hosts", ())):
            rule = formats.wildcard if "*" in host else formats.subdomain
            found += causes.all_invalid(f"spec.tls[{index}].hosts[{number}]", host, rule(host))
        secret = item.get("secretName", "")
        if secret:
            found += causes.all_invalid(f"spec.tls[{index}].secretName", secret, formats.subdomain(secret))
    name = spec.get("ingressClassName")
    if name is not None:
        found += causes.all_invalid("spec.ingressClassName", name, formats.subdomain(name))
    return found


def _host(host: str, at: str) -> list[Cause]:
    if formats.address(host) is not None:
        return [causes.invalid(at, host, "must be a DNS name, not an IP address")]
    rule = formats.wildcard if "*" in host else formats.subdomain
    return causes.all_invalid(at, host, rule(host))


def _rule(rule: Mapping[str, Any], at: str) -> list[Cause]:
    found = _host(rule["host"], f"{at}.host") if rule.get("host") else []
    if "http" not in rule:
        return found
    paths = rule["http"].get("paths", [])
    if not paths:
        found.append(causes.required(f"{at}.http.paths"))
    for index, item in enumerate(paths):
        place = f"{at}.http.paths[{index}]"
        kind, path = item.get("pathType"), item.get("path", "")
        if kind is None:
            found.append(causes.required(f"{place}.pathType", "pathType must be specified"))
        elif kind not in _PATH_TYPES:
            found.append(causes.not_supported(f"{place}.pathType", kind, _PATH_TYPES))
        elif path and not path.startswith("/"):
            found.append(causes.invalid(f"{place}.path", path, "must be an absolute path"))
        elif kind != "ImplementationSpecific":
            if not path:
                found.append(causes.invalid(f"{place}.path", path, "must be an absolute path"))
            for part in ("//", "/./", "/../", "%2f", "%2F"):
                if part in path:
                    found.append(causes.invalid(f"{place}.path", path, f"must not contain '{part}'"))
        found += _backend(item.get("backend", {}), f"{place}.backend")
    return found


def _backend(backend: Mapping[str, Any], at: str) -> list[Cause]:
    target, resource = backend.get("service"), backend.get("resource")
    if target is not None and resource is not None:
        return [causes.invalid(at, "", "cannot set both resource and service backends")]
    if target is None:
        said = "resource or service backend is required"
        return [] if resource is not None else [causes.invalid(at, "", said)]
    found: list[Cause] = []
    name = target.get("name", "")
    if not name:
        found.append(causes.required(f"{at}.service.name"))
    else:
        found += causes.all_invalid(f"{at}.service.name", name, formats.label(name))
    port = target.get("port", {})
    if port.get("name") and port.get("number"):
        said = "cannot set both port name & port number"
        found.append(causes.invalid(at, "", said))
    elif port.get("name"):
        wrong = formats.port_name(port["name"])
        found += causes.all_invalid(f"{at}.service.port.name", port["name"], wrong)
    elif port.get("number"):
        wrong = formats.port_number(port["number"])
        found += causes.all_invalid(f"{at}.service.port.number", port["number"], wrong)
    else:
        found.append(causes.required(at, "port name or number is required"))
    return found
