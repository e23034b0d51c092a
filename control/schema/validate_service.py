"""Rules for Services."""

from collections.abc import Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.validate_container import PROTOCOLS
from control.schema.validate_meta import labels
from control.schema.validate_probe import port as port_rule

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_TRAFFIC = ("Cluster", "Local")
_DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
_AFFINITY_LIMIT = 86400


def service(obj: Mapping[str, Any]) -> list[Cause]:
    """A Service, defaulted; cluster IPs may be allocated already or not."""
    spec = obj.get("spec", {})
    kind = spec.get("type", "")
    found: list[Cause] = []
    headless = spec.get("clusterIP") == "None" or spec.get("clusterIPs") == ["None"]
    ports = spec.get("ports", [])
    if not ports and kind != "ExternalName" and not headless:
        found.append(causes.required("spec.ports"))
    if kind not in TYPES:
        found += causes.one_of("spec.type", kind, TYPES)
    if kind == "ExternalName":
        found += _external_name(spec)
    if kind in ("LoadBalancer", "NodePort") and headless:
        said = f"may not be set to 'None' for {kind} services"
        found.append(causes.invalid("spec.clusterIPs[0]", "None", said))
    found += _ports(ports, kind, headless=headless)
    if spec.get("selector"):
        found += labels(spec["selector"], "spec.selector")
    found += _affinity(spec)
    found += _cluster_ips(spec)
    return found + _traffic(spec) + _external_ips(spec)


def _external_name(spec: Mapping[str, Any]) -> list[Cause]:
    found: list[Cause] = []
    name = spec.get("externalName", "").removesuffix(".")
    if not name:
        found.append(causes.required("spec.externalName"))
    else:
        found += causes.all_invalid("spec.externalName", name, formats.subdomain(name))
    if spec.get("clusterIPs") or spec.get("clusterIP"):
        said = "may not be set for ExternalName services"
        value = spec.get("clusterIPs") or [spec["clusterIP"]]
        found.append(causes.invalid("spec.clusterIPs", value, said))
    return found


def _ports(ports: list[dict[str, Any]], kind: str, *, headless: bool) -> list[Cause]:
    found: list[Cause] = []
    names: set[str] = set()
    numbers: set[tuple[str, int]] = set()
    node_ports: set[tuple[str, int]] = set()
    for index, item in enumerate(ports):
        at = f"spec.ports[{index}]"
        name, number, protocol = item.get("name", ""), item.get("port", 0), item.get("protocol", "")
        if not name and len(ports) > 1:
            found.append(causes.required(f"{at}.name"))
        elif name:
            found += causes.all_invalid(f"{at}.name", name, formats.label(name))
            if name in names:
                found.append(causes.duplicate(f"{at}.name", name))
            names.add(name)
        found += causes.all_invalid(f"{at}.port", number, formats.port_number(number))
        if protocol not in PROTOCOLS:
            found += causes.one_of(f"{at}.protocol", protocol, PROTOCOLS)
        target = item.get("targetPort", number)
        found += port_rule(target, f"{at}.targetPort")
        if headless and target not in (number, 0) and kind == "ExternalName":
            said = "must be equal to the value of 'port' when clusterIP = None"
            found.append(causes.invalid(f"{at}.targetPort", target, said))
        if item.get("appProtocol"):
            wrong = formats.qualified_name(item["appProtocol"])
            found += causes.all_invalid(f"{at}.appProtocol", item["appProtocol"], wrong)
        if (protocol, number) in numbers:
            found.append(causes.duplicate(at, {"port": number, "protocol": protocol}))
        numbers.add((protocol, number))
        node_port = item.get("nodePort", 0)
        if not node_port:
            continue
        if kind in ("ClusterIP", "ExternalName"):
            said = f"may not be used when `type` is '{kind}'"
            found.append(causes.forbidden(f"{at}.nodePort", said))
        elif (protocol, node_port) in node_ports:
            found.append(causes.duplicate(f"{at}.nodePort", node_port))
        node_ports.add((protocol, node_port))
    return found


def _affinity(spec: Mapping[str, Any]) -> list[Cause]:
    kind = spec.get("sessionAffinity", "")
    if kind not in ("ClientIP", "None"):
        return causes.one_of("spec.sessionAffinity", kind, ("ClientIP", "None"))
    config = spec.get("sessionAffinityConfig")
    if kind == "None" and config is not None:
        said = "must not be set when session affinity is None"
        return [causes.forbidden("spec.sessionAffinityConfig", said)]
    seconds = (config or {}).get("clientIP", {}).get("timeoutSeconds", 10800)
    if kind == "ClientIP" and not 0 < seconds <= _AFFINITY_LIMIT:
        said = f"must be greater than 0 and less than {_AFFINITY_LIMIT}"
        return [causes.invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, said)]
    return []


def _cluster_ips(spec: Mapping[str, Any]) -> list[Cause]:
    found: list[Cause] = []
    addresses, first = spec.get("clusterIPs", []), spec.get("clusterIP", "")
    if addresses and first and addresses[0] != first:
        said = "first value must match `clusterIP`"
        found.append(causes.invalid("spec.clusterIPs", addresses, said))
    if len(addresses) > 2:
        said = "may only hold up to 2 values"
        found.append(causes.invalid("spec.clusterIPs", addresses, said))
    for index, text in enumerate(addresses or ([first] if first else [])):
        if text == "None" and index == 0 and len(addresses) <= 1:
            continue
        if formats.address(text) is None:
            said = "must be empty, 'None', or a valid IP address"
            found.append(causes.invalid(f"spec.clusterIPs[{index}]", text, said))
    families = spec.get("ipFamilies", [])
    for index, family in enumerate(families):
        if family not in _FAMILIES:
            found.append(causes.not_supported(f"spec.ipFamilies[{index}]", family, _FAMILIES))
        elif family in families[:index]:
            found.append(causes.duplicate(f"spec.ipFamilies[{index}]", family))
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _FAMILY_POLICIES:
        found.append(causes.not_supported("spec.ipFamilyPolicy", policy, _FAMILY_POLICIES))
    return found


def _traffic(spec: Mapping[str, Any]) -> list[Cause]:
    found: list[Cause] = []
    kind = spec.get("type")
    external, internal = spec.get("externalTrafficPolicy"), spec.get("internalTrafficPolicy")
    reachable = kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and spec.get("externalIPs"))
    if external and not reachable:
        said = "may only be set for externally-accessible services"
        found.append(causes.invalid("spec.externalTrafficPolicy", external, said))
    elif reachable and external not in _TRAFFIC:
        found += causes.one_of("spec.externalTrafficPolicy", external, _TRAFFIC)
    if kind != "ExternalName" and internal not in _TRAFFIC:
        found += causes.one_of("spec.internalTrafficPolicy", internal, _TRAFFIC)
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        found.append(causes.not_supported("spec.trafficDistribution", distribution, _DISTRIBUTIONS))
    health = spec.get("healthCheckNodePort", 0)
    if health and not (kind == "LoadBalancer" and external == "Local"):
        said = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        found.append(causes.invalid("spec.healthCheckNodePort", health, said))
    if kind != "LoadBalancer":
        for key in ("loadBalancerSourceRanges", "allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if key in spec:
                said = "may only be used when `type` is 'LoadBalancer'"
                found.append(causes.forbidden(f"spec.{key}", said))
    for index, text in enumerate(spec.get("loadBalancerSourceRanges", ())):
        if formats.network(text.strip()) is None:
            found.append(causes.invalid(f"spec.loadBalancerSourceRanges[{index}]", text, formats.CIDR_WORDS))
    return found


def _external_ips(spec: Mapping[str, Any]) -> list[Cause]:
    found: list[Cause] = []
    for index, text in enumerate(spec.get("externalIPs", ())):
        at = f"spec.externalIPs[{index}]"
        address = formats.address(text)
        if address is None:
            found.append(causes.invalid(at, text, formats.ADDRESS_WORDS))
        elif address.is_unspecified:
            found.append(causes.invalid(at, text, f"may not be unspecified ({text})"))
        elif address.is_loopback:
            found.append(causes.invalid(at, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)"))
        elif address.is_link_local:
            said = "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
            found.append(causes.invalid(at, text, said))
    return found


def service_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Cluster IPs stay while the Service has them."""
    spec, had = new.get("spec", {}), old.get("spec", {})
    if had.get("type") == "ExternalName" or spec.get("type") == "ExternalName":
        return []
    before, after = had.get("clusterIPs", []), spec.get("clusterIPs", [])
    if before and (not after or after[0] != before[0]):
        said = "may not change once set"
        return [causes.invalid("spec.clusterIPs[0]", (after or [""])[0], said)]
    if len(before) > 1 and len(after) > 1 and after[1] != before[1]:
        return [causes.invalid("spec.clusterIPs[1]", after[1], "may not change once set")]
    return []
