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
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_AFFINITY_LIMIT = 86400


def service(obj: Mapping[str, Any]) -> list[Cause]:
    """A Service, defaulted, its cluster IPs allocated."""
    spec = obj.get("spec", {})
    kind = spec.get("type", "")
    found: list[Cause] = []
    headless = spec.get("clusterIP") == "None" or spec.get("clusterIPs", [""])[0] == "None"
    ports = spec.get("ports", [])
    if not ports and kind != "ExternalName" and not headless:
        found.append(causes.required("spec.ports"))
    if kind in ("LoadBalancer", "NodePort") and headless:
        said = f"may not be set to 'None' for {kind} services"
        found.append(causes.invalid("spec.clusterIPs[0]", "None", said))
    if kind == "ExternalName":
        found += _external_name(spec)
    found += _ports(ports)
    if spec.get("selector"):
        found += labels(spec["selector"], "spec.selector")
    found += _affinity(spec)
    if kind != "ExternalName":
        found += _cluster_ips(spec, headless=headless)
    found += _external_ips(spec)
    if kind not in TYPES:
        found += causes.one_of("spec.type", kind, TYPES)
    return found + _unique_ports(ports, kind) + _load_balancer(spec) + _traffic(spec)


def _external_name(spec: Mapping[str, Any]) -> list[Cause]:
    given = [key for key in ("clusterIPs", "ipFamilies", "ipFamilyPolicy") if spec.get(key)]
    said = "may not be set for ExternalName services"
    found = [causes.forbidden(f"spec.{key}", said) for key in given]
    name = spec.get("externalName", "").removesuffix(".")
    if name:
        found += causes.all_invalid("spec.externalName", name, formats.subdomain(name))
    else:
        found.append(causes.required("spec.externalName"))
    return found


def _ports(ports: list[dict[str, Any]]) -> list[Cause]:
    found: list[Cause] = []
    names: set[str] = set()
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
        found += port_rule(item.get("targetPort", number), f"{at}.targetPort")
        if "appProtocol" in item:
            wrong = formats.qualified_name(item["appProtocol"])
            found += causes.all_invalid(f"{at}.appProtocol", item["appProtocol"], wrong)
    return found


def _unique_ports(ports: list[dict[str, Any]], kind: str) -> list[Cause]:
    """Node ports only where the type has them, and no port twice."""
    found: list[Cause] = []
    taken: set[tuple[str, int]] = set()
    for index, item in enumerate(ports):
        at, key = f"spec.ports[{index}].nodePort", (item.get("protocol", ""), item.get("nodePort", 0))
        if not key[1]:
            continue
        if kind in ("ClusterIP", "ExternalName"):
            found.append(causes.forbidden(at, f"may not be used when `type` is '{kind}'"))
        if key in taken:
            found.append(causes.duplicate(at, key[1]))
        taken.add(key)
    pairs = [(item.get("protocol", ""), item.get("port", 0)) for item in ports]
    for index, (protocol, number) in enumerate(pairs):
        if (protocol, number) in pairs[:index]:
            port = f'"Protocol":"{protocol}","AppProtocol":null,"Port":{number},"TargetPort":0,"NodePort":0'
            shown = causes.Printed(f'{{"Name":"",{port}}}')
            found.append(causes.duplicate(f"spec.ports[{index}]", shown))
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


def _cluster_ips(spec: Mapping[str, Any], *, headless: bool) -> list[Cause]:
    found: list[Cause] = []
    addresses, first, path = spec.get("clusterIPs", []), spec.get("clusterIP", ""), "spec.clusterIPs"
    if first and not addresses:
        found.append(causes.required(path))
    elif first and addresses[0] != first:
        found.append(causes.invalid(path, addresses, "first value must match `clusterIP`"))
    elif addresses and not first:
        found.append(causes.invalid(path, addresses, "must be empty when `clusterIP` is not specified"))
    families, policy = spec.get("ipFamilies", []), spec.get("ipFamilyPolicy")
    for index, family in enumerate(families):
        if family not in _FAMILIES:
            found.append(causes.not_supported(f"spec.ipFamilies[{index}]", family, _FAMILIES))
        if family in families[:index]:
            found.append(causes.duplicate(f"spec.ipFamilies[{index}]", family))
    if policy is not None and policy not in _FAMILY_POLICIES:
        found.append(causes.not_supported("spec.ipFamilyPolicy", policy, _FAMILY_POLICIES))
    wrong: list[Cause] = []
    for index, text in enumerate(addresses):
        if index == 0 and text == "None":
            if len(addresses) > 1:
                said = "'None' must be the first and only value"
                wrong.append(causes.invalid(path, addresses, said))
        elif formats.address(text) is None:
            wrong.append(causes.invalid(f"{path}[{index}]", text, formats.ADDRESS_WORDS))
    found += wrong
    if len(addresses) > 2:
        found.append(causes.invalid(path, addresses, "may only hold up to 2 values"))
    return found if wrong else found + _families(addresses, families, path, headless=headless)


def _families(addresses: list[str], families: list[str], path: str, *, headless: bool) -> list[Cause]:
    """Valid addresses: one a family, in the order of the families."""
    found: list[Cause] = []
    versions = [6 if ":" in text else 4 for text in addresses]
    if len(addresses) > 1 and len(set(versions)) < 2:
        said = "may specify no more than one IP for each IP family"
        found.append(causes.invalid(path, addresses, said))
    for index, (family, version) in enumerate(zip(families, versions, strict=False)):
        if not headless and family in _FAMILIES and family != f"IPv{version}":
            said = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            found.append(causes.invalid(f"{path}[{index}]", addresses[index], said))
    return found


def _load_balancer(spec: Mapping[str, Any]) -> list[Cause]:
    found: list[Cause] = []
    only, of = "may only be used when `type` is 'LoadBalancer'", spec.get("type")
    ranges = spec.get("loadBalancerSourceRanges", ())
    if ranges and of != "LoadBalancer":
        found.append(causes.forbidden("spec.LoadBalancerSourceRanges", only))
    for index, text in enumerate(ranges):
        if formats.network(text.strip()) is None:
            at = f"spec.LoadBalancerSourceRanges[{index}]"
            found.append(causes.invalid(at, text, formats.CIDR_WORDS))
    if "allocateLoadBalancerNodePorts" in spec and of != "LoadBalancer":
        found.append(causes.forbidden("spec.allocateLoadBalancerNodePorts", only))
    name = spec.get("loadBalancerClass")
    if name is not None and of != "LoadBalancer":
        found.append(causes.forbidden("spec.loadBalancerClass", only))
    elif name is not None:
        found += causes.all_invalid("spec.loadBalancerClass", name, formats.qualified_name(name))
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
    health = spec.get("healthCheckNodePort", 0)
    if health and not (kind == "LoadBalancer" and external == "Local"):
        said = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        found.append(causes.invalid("spec.healthCheckNodePort", health, said))
    if internal is None and kind in ("ClusterIP", "NodePort", "LoadBalancer"):
        found.append(causes.required("spec.internalTrafficPolicy"))
    elif internal is not None and internal not in _TRAFFIC:
        found.append(causes.not_supported("spec.internalTrafficPolicy", internal, _TRAFFIC))
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        found.append(causes.not_supported("spec.trafficDistribution", distribution, _DISTRIBUTIONS))
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
    """The first cluster IP and family stay while the Service has them."""
    spec, had = new.get("spec", {}), old.get("spec", {})
    if "ExternalName" in (spec.get("type"), had.get("type")):
        return []
    found = _kept(spec, had, "clusterIPs", "clusterIP")
    if "None" not in (spec.get("clusterIP"), had.get("clusterIP")):
        found += _kept(spec, had, "ipFamilies", "ipFamily")
    same = spec.get("type") == had.get("type") == "LoadBalancer"
    if same and spec.get("loadBalancerClass") != had.get("loadBalancerClass"):
        said = "may not change once set"
        found.append(causes.invalid("spec.loadBalancerClass", spec.get("loadBalancerClass"), said))
    return found


def _kept(spec: Mapping[str, Any], had: Mapping[str, Any], key: str, word: str) -> list[Cause]:
    """A list of one value a family: the first may not change, the second may come and go."""
    before, after, path = had.get(key, []), spec.get(key, []), f"spec.{key}"
    if before == after or (key == "clusterIPs" and before[:1] == after[:1] == ["None"]):
        return []
    if len(before) == len(after):
        changed = [index for index, item in enumerate(before) if item != after[index]]
        return [causes.invalid(f"{path}[{index}]", after, "may not change once set") for index in changed]
    if before and not after:
        return [causes.invalid(f"{path}[0]", after, f"primary {word} can not be unset")]
    found: list[Cause] = []
    if before and before[0] != after[0]:
        found.append(causes.invalid(f"{path}[0]", after, "may not change once set"))
    if len(after) < len(before) and spec.get("ipFamilyPolicy") != "SingleStack":
        said = f"must be set to 'SingleStack' when releasing the secondary {word}"
        found.append(causes.invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), said))
    return found
