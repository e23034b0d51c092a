"""networking.k8s.io/v1 NetworkPolicy, as JSON has it, to a Policy.

Defaults are the API's: protocol TCP; policyTypes Ingress, and Egress as well where there are egress rules.
A missing list and an empty one mean the same, except where the text of the API tells them apart: a missing
``podSelector`` beside a ``namespaceSelector`` means all pods, as an empty one does; rules without ``from``,
``to`` or ``ports`` match everything there.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Network, ip_network
from typing import Any

from dataplane.model.address import IPNetwork
from dataplane.model.origin import Origin
from policy.errors import CidrInvalid, FieldInvalid, PortRangeInvalid
from policy.model import PROTOCOLS, BlockPeer, Peer, PodPeer, Policy, PortMatch, Rule
from policy.parse.selector import mapping, parse_selector, sequence

INGRESS, EGRESS = "Ingress", "Egress"

# A port's name (IANA service name, RFC 6335 section 5.1): at most 15, lower case, at least one letter.
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?")


def parse_policy(obj: Mapping[str, Any]) -> Policy:
    """One NetworkPolicy object. Raises PolicyError leaves that name the field."""
    metadata = mapping(obj.get("metadata") or {}, "metadata")
    origin = Origin(
        "NetworkPolicy",
        metadata.get("namespace") or "default",
        metadata.get("name", ""),
        metadata.get("uid", ""),
        metadata.get("resourceVersion", ""),
    )
    spec = mapping(obj.get("spec") or {}, "spec")
    types = _policy_types(spec)
    return Policy(
        namespace=origin.namespace,
        name=origin.name,
        pods=parse_selector(spec.get("podSelector") or {}, "spec.podSelector"),
        ingress=_rules(spec, "ingress", "from", origin) if INGRESS in types else None,
        egress=_rules(spec, "egress", "to", origin) if EGRESS in types else None,
        origin=origin,
    )


def _policy_types(spec: Mapping[str, Any]) -> frozenset[str]:
    types = sequence(spec.get("policyTypes") or [], "spec.policyTypes")
    for i, name in enumerate(types):
        if name not in (INGRESS, EGRESS):
            raise FieldInvalid(f"spec.policyTypes[{i}]", name, f"must be {INGRESS} or {EGRESS}")
    if types:
        return frozenset(types)
    return frozenset((INGRESS, EGRESS)) if spec.get("egress") else frozenset((INGRESS,))


def _rules(spec: Mapping[str, Any], section: str, peers_field: str, origin: Origin) -> tuple[Rule, ...]:
    rules = sequence(spec.get(section) or [], f"spec.{section}")
    return tuple(
        _rule(rule, peers_field, _at(origin, f"spec.{section}[{i}]")) for i, rule in enumerate(rules)
    )


def _rule(value: Any, peers_field: str, origin: Origin) -> Rule:
    rule = mapping({} if value is None else value, origin.field)
    peers_path, ports_path = f"{origin.field}.{peers_field}", f"{origin.field}.ports"
    peers = sequence(rule.get(peers_field) or [], peers_path)
    ports = sequence(rule.get("ports") or [], ports_path)
    return Rule(
        tuple(_peer(peer, _at(origin, f"{peers_path}[{i}]")) for i, peer in enumerate(peers)),
        tuple(_port(port, _at(origin, f"{ports_path}[{i}]")) for i, port in enumerate(ports)),
        origin,
    )


def _peer(value: Any, origin: Origin) -> Peer:
    peer, path = mapping(value, origin.field), origin.field
    pods, namespaces, block = (peer.get(name) for name in ("podSelector", "namespaceSelector", "ipBlock"))
    if block is not None:
        if pods is not None or namespaces is not None:
            raise FieldInvalid(path, "ipBlock", "may not stand beside podSelector or namespaceSelector")
        return _block(mapping(block, f"{path}.ipBlock"), _at(origin, f"{path}.ipBlock"))
    if pods is None and namespaces is None:
        raise FieldInvalid(path, {}, "must have a podSelector, a namespaceSelector or an ipBlock")
    return PodPeer(
        None if namespaces is None else parse_selector(namespaces, f"{path}.namespaceSelector"),
        None if pods is None else parse_selector(pods, f"{path}.podSelector"),
        origin,
    )


def _block(block: Mapping[str, Any], origin: Origin) -> BlockPeer:
    cidr = _cidr(block.get("cidr"), f"{origin.field}.cidr")
    excepts = []
    for i, text in enumerate(sequence(block.get("except") or [], f"{origin.field}.except")):
        path = f"{origin.field}.except[{i}]"
        hole = _cidr(text, path)
        if not _strictly_inside(hole, cidr):
            raise CidrInvalid(path, text, f"must be a strict subset of cidr {cidr}")
        excepts.append(hole)
    return BlockPeer(cidr, tuple(excepts), origin)


def _strictly_inside(inner: IPNetwork, outer: IPNetwork) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner != outer and inner.subnet_of(outer)
    return not isinstance(outer, IPv4Network) and inner != outer and inner.subnet_of(outer)


def _cidr(text: Any, path: str) -> IPNetwork:
    if not isinstance(text, str) or "/" not in text:
        raise CidrInvalid(path, text, "must be a range of addresses, as 10.0.0.0/8 or 2001:db8::/32")
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise CidrInvalid(path, text, str(error)) from error


def _port(value: Any, origin: Origin) -> PortMatch:
    entry, path = mapping(value, origin.field), origin.field
    name = entry.get("protocol") or "TCP"
    if name not in PROTOCOLS:
        raise PortRangeInvalid(f"{path}.protocol", name, f"must be one of {', '.join(PROTOCOLS)}")
    port, end_port = entry.get("port"), entry.get("endPort")
    if isinstance(port, str):
        if not _PORT_NAME.fullmatch(port):
            raise PortRangeInvalid(
                f"{path}.port", port, "must be a container port's name of at most 15 characters"
            )
    elif port is not None:
        _check_number(port, f"{path}.port")
    if end_port is not None:
        _check_number(end_port, f"{path}.endPort")
        if not isinstance(port, int):
            raise PortRangeInvalid(f"{path}.endPort", end_port, "needs a port that is a number")
        if end_port < port:
            raise PortRangeInvalid(f"{path}.endPort", end_port, f"must not be less than port {port}")
    return PortMatch(PROTOCOLS[name], port, end_port, origin)


def _check_number(number: Any, path: str) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 65535:
        raise PortRangeInvalid(path, number, "must be between 1 and 65535, inclusive")


def _at(origin: Origin, field: str) -> Origin:
    return replace(origin, field=field)
