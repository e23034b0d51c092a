"""Rules for EndpointSlices and Endpoints."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.validate_container import PROTOCOLS

_TYPES = ("FQDN", "IPv4", "IPv6")
_ADDRESSES, _PORTS, _ENDPOINTS = 100, 100, 1000


def endpoint_slice(obj: Mapping[str, Any]) -> list[Cause]:
    """An EndpointSlice."""
    family = obj.get("addressType", "")
    found = causes.one_of("addressType", family, _TYPES)
    found += _slice_ports(obj.get("ports") or [])
    endpoints = obj.get("endpoints") or []
    if len(endpoints) > _ENDPOINTS:
        return [*found, causes.too_many("endpoints", len(endpoints), _ENDPOINTS)]
    for index, item in enumerate(endpoints):
        found += _endpoint(item, f"endpoints[{index}]", family)
    return found


def _endpoint(item: Mapping[str, Any], at: str, family: str) -> list[Cause]:
    found: list[Cause] = []
    addresses = item.get("addresses") or []
    if not addresses:
        found.append(causes.required(f"{at}.addresses"))
    elif len(addresses) > _ADDRESSES:
        found.append(causes.too_many(f"{at}.addresses", len(addresses), _ADDRESSES))
    for index, text in enumerate(addresses):
        found += _address(text, f"{at}.addresses[{index}]", family)
    if item.get("nodeName") is not None:
        found += causes.all_invalid(f"{at}.nodeName", item["nodeName"], formats.subdomain(item["nodeName"]))
    if item.get("hostname") is not None:
        found += causes.all_invalid(f"{at}.hostname", item["hostname"], formats.label(item["hostname"]))
    for key in ("forZones", "forNodes"):
        seen: set[str] = set()
        for index, hint in enumerate(item.get("hints", {}).get(key, ())):
            name, place = hint.get("name", ""), f"{at}.hints.{key}[{index}].name"
            if name in seen:
                found.append(causes.duplicate(place, name))
            seen.add(name)
            rule = formats.label_value if key == "forZones" else formats.subdomain
            found += causes.all_invalid(place, name, rule(name))
    return found


def _address(text: str, at: str, family: str) -> list[Cause]:
    if family not in _TYPES:
        return []
    if family == "FQDN":
        return causes.all_invalid(at, text, formats.subdomain(text))
    address = formats.address(text)
    if address is None:
        return [causes.invalid(at, text, formats.ADDRESS_WORDS)]
    if family == "IPv4" and not isinstance(address, IPv4Address):
        return [causes.invalid(at, text, "must be a valid IPv4 address")]
    if family == "IPv6" and not isinstance(address, IPv6Address):
        return [causes.invalid(at, text, "must be a valid IPv6 address")]
    return special_address(text, at)


def special_address(text: str, at: str) -> list[Cause]:
    """Addresses that no endpoint may have."""
    address = formats.address(text)
    if address is None:
        return [causes.invalid(at, text, formats.ADDRESS_WORDS)]
    if address.is_unspecified:
        return [causes.invalid(at, text, f"may not be unspecified ({text})")]
    if address.is_loopback:
        return [causes.invalid(at, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")]
    if address.is_link_local:
        return [causes.invalid(at, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")]
    if address.is_multicast and str(address).startswith(("224.0.0.", "ff02:")):
        said = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
        return [causes.invalid(at, text, said)]
    return []


def _slice_ports(ports: list[dict[str, Any]]) -> list[Cause]:
    found: list[Cause] = []
    if len(ports) > _PORTS:
        return [causes.too_many("ports", len(ports), _PORTS)]
    names: set[str] = set()
    for index, item in enumerate(ports):
        at, name = f"ports[{index}]", item.get("name", "")
        if name:
            found += causes.all_invalid(f"{at}.name", name, formats.label(name))
        if name in names:
            found.append(causes.duplicate(f"{at}.name", name))
        names.add(name)
        protocol = item.get("protocol")
        if protocol is None:
            found.append(causes.required(f"{at}.protocol"))
        elif protocol not in PROTOCOLS:
            found.append(causes.not_supported(f"{at}.protocol", protocol, PROTOCOLS))
        if item.get("appProtocol") is not None:
            wrong = formats.qualified_name(item["appProtocol"])
            found += causes.all_invalid(f"{at}.appProtocol", item["appProtocol"], wrong)
    return found


def endpoint_slice_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """The address type can't change."""
    if new.get("addressType") != old.get("addressType"):
        return [causes.immutable("addressType", new.get("addressType"))]
    return []


def endpoints(obj: Mapping[str, Any]) -> list[Cause]:
    """Endpoints, the older form."""
    found: list[Cause] = []
    for index, subset in enumerate(obj.get("subsets", ())):
        at = f"subsets[{index}]"
        ready, waiting = subset.get("addresses", []), subset.get("notReadyAddresses", [])
        if not ready and not waiting:
            said = "must specify `addresses` or `notReadyAddresses`"
            found.append(causes.required(at, said))
        for key, items in (("addresses", ready), ("notReadyAddresses", waiting)):
            for number, item in enumerate(items):
                found += _subset_address(item, f"{at}.{key}[{number}]")
        ports = subset.get("ports", [])
        for number, item in enumerate(ports):
            place = f"{at}.ports[{number}]"
            name = item.get("name", "")
            if len(ports) > 1 and not name:
                found.append(causes.required(f"{place}.name"))
            elif name:
                found += causes.all_invalid(f"{place}.name", name, formats.label(name))
            found += causes.all_invalid(
                f"{place}.port", item.get("port", 0), formats.port_number(item.get("port", 0))
            )
            if item.get("protocol") not in PROTOCOLS:
                found += causes.one_of(f"{place}.protocol", item.get("protocol", ""), PROTOCOLS)
            if "appProtocol" in item:
                wrong = formats.qualified_name(item["appProtocol"])
                found += causes.all_invalid(f"{place}.appProtocol", item["appProtocol"], wrong)
    return found


def _subset_address(item: Mapping[str, Any], at: str) -> list[Cause]:
    text = item.get("ip", "")
    if formats.address(text) is None:
        words = (formats.ADDRESS_WORDS, "must be a valid IP address")  # upstream looks twice
        found = causes.all_invalid(f"{at}.ip", text, words)
    else:
        found = special_address(text, f"{at}.ip")
    if item.get("hostname"):
        found += causes.all_invalid(f"{at}.hostname", item["hostname"], formats.label(item["hostname"]))
    if item.get("nodeName") is not None:
        found += causes.all_invalid(f"{at}.nodeName", item["nodeName"], formats.subdomain(item["nodeName"]))
    return found
