"""Rules for pods and pod templates."""

from collections.abc import Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.validate_container import PodNames, containers
from control.schema.validate_meta import annotations, labels
from control.schema.validate_placement import affinity, spread, tolerations
from control.schema.validate_security import pod_security
from control.schema.validate_volume import volumes

RESTART_POLICIES = ("Always", "Never", "OnFailure")
_DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_INT32_MAX = (1 << 31) - 1


def pod(obj: Mapping[str, Any]) -> list[Cause]:
    """A new pod."""
    spec = obj.get("spec", {})
    found = pod_spec(spec, "spec")
    if spec.get("ephemeralContainers"):
        said = "cannot be set on create"
        found.append(causes.forbidden("spec.ephemeralContainers", said))
    return found


def template(value: Mapping[str, Any], path: str) -> list[Cause]:
    """A pod template: its labels, annotations and spec."""
    meta = value.get("metadata", {})
    found = labels(meta.get("labels", {}), f"{path}.metadata.labels")
    found += annotations(meta.get("annotations", {}), f"{path}.metadata.annotations")
    found += pod_spec(value.get("spec", {}), f"{path}.spec")
    if value.get("spec", {}).get("ephemeralContainers"):
        said = "ephemeral containers not allowed in pod template"
        found.append(causes.forbidden(f"{path}.spec.ephemeralContainers", said))
    return found


def pod_spec(spec: Mapping[str, Any], path: str) -> list[Cause]:
    """A pod's spec, defaulted."""
    found: list[Cause] = []
    if "volumes" in spec:
        found += volumes(spec["volumes"], f"{path}.volumes")
    names = PodNames(
        volumes=frozenset(volume.get("name", "") for volume in spec.get("volumes", ())),
        host_network=bool(spec.get("hostNetwork")),
    )
    if not spec.get("containers"):
        found.append(causes.required(f"{path}.containers"))
    found += containers(spec.get("containers", []), f"{path}.containers", names, init=False)
    if "initContainers" in spec:
        names.host_ports = set()  # an init container is gone before the next one runs
        found += containers(spec["initContainers"], f"{path}.initContainers", names, init=True)
    if spec.get("restartPolicy") not in RESTART_POLICIES:
        found += causes.one_of(f"{path}.restartPolicy", spec.get("restartPolicy", ""), RESTART_POLICIES)
    if spec.get("dnsPolicy") not in _DNS_POLICIES:
        found += causes.one_of(f"{path}.dnsPolicy", spec.get("dnsPolicy", ""), _DNS_POLICIES)
    if spec.get("nodeSelector"):
        found += labels(spec["nodeSelector"], f"{path}.nodeSelector")
    if "securityContext" in spec:
        found += pod_security(spec["securityContext"], f"{path}.securityContext", spec)
    if "affinity" in spec:
        found += affinity(spec["affinity"], f"{path}.affinity")
    if "tolerations" in spec:
        found += tolerations(spec["tolerations"], f"{path}.tolerations")
    if "topologySpreadConstraints" in spec:
        found += spread(spec["topologySpreadConstraints"], f"{path}.topologySpreadConstraints")
    return found + _names(spec, path) + _numbers(spec, path) + _dns(spec, path)


def _names(spec: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    for key, rule in _NAME_RULES:
        if spec.get(key):
            wrong = rule(spec[key])
            if wrong:
                found += causes.all_invalid(f"{path}.{key}", spec[key], wrong)
    if spec.get("preemptionPolicy", "Never") not in ("Never", "PreemptLowerPriority"):
        supported = ("Never", "PreemptLowerPriority")
        found.append(causes.not_supported(f"{path}.preemptionPolicy", spec["preemptionPolicy"], supported))
    for index, gate in enumerate(spec.get("readinessGates", ())):
        kind = gate.get("conditionType", "")
        at = f"{path}.readinessGates[{index}].conditionType"
        found += causes.all_invalid(at, kind, formats.qualified_name(kind))
    gates: set[str] = set()
    for index, gate in enumerate(spec.get("schedulingGates", ())):
        at, name = f"{path}.schedulingGates[{index}]", gate.get("name", "")
        found += causes.all_invalid(at, name, formats.qualified_name(name))
        if name in gates:
            found.append(causes.duplicate(at, name))
        gates.add(name)
    if "os" in spec and spec["os"].get("name") not in ("linux", "windows"):
        found += causes.one_of(f"{path}.os.name", spec["os"].get("name", ""), ("linux", "windows"))
    return found


def _node_name(name: str) -> tuple[str, ...]:
    return formats.subdomain(name)


_NAME_RULES = (
    ("serviceAccountName", formats.subdomain),
    ("nodeName", _node_name),
    ("hostname", formats.label),
    ("subdomain", formats.label),
    ("priorityClassName", formats.subdomain),
    ("runtimeClassName", formats.subdomain),
)


def _numbers(spec: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _INT32_MAX:
        said = f"must be between 1 and {_INT32_MAX}, inclusive"
        found.append(causes.invalid(f"{path}.activeDeadlineSeconds", deadline, said))
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is None:
        found.append(causes.required(f"{path}.terminationGracePeriodSeconds"))
    elif grace < 0:
        found += causes.non_negative(f"{path}.terminationGracePeriodSeconds", grace)
    return found


def _dns(spec: Mapping[str, Any], path: str) -> list[Cause]:
    """dnsConfig and hostAliases."""
    found: list[Cause] = []
    config = spec.get("dnsConfig", {})
    servers = config.get("nameservers", ())
    if spec.get("dnsPolicy") == "None" and not servers:
        said = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        at = f"{path}.dnsConfig" if "dnsConfig" not in spec else f"{path}.dnsConfig.nameservers"
        found.append(causes.required(at, said))
    at = f"{path}.dnsConfig"
    if len(servers) > 3:
        said = "must not have more than 3 nameservers"
        found.append(causes.invalid(f"{at}.nameservers", servers, said))
    for index, server in enumerate(servers):
        if formats.address(server) is None:
            found.append(causes.invalid(f"{at}.nameservers[{index}]", server, formats.ADDRESS_WORDS))
    searches = config.get("searches", ())
    if len(searches) > 32:
        found.append(causes.invalid(f"{at}.searches", searches, "must not have more than 32 search paths"))
    for index, name in enumerate(searches):
        wrong = formats.subdomain(name.removesuffix(".").replace("_", "a")) if name != "." else ()
        found += causes.all_invalid(f"{at}.searches[{index}]", name, wrong)
    for index, option in enumerate(config.get("options", ())):
        if not option.get("name"):
            found.append(causes.required(f"{at}.options[{index}]", "must not be empty"))
    for index, alias in enumerate(spec.get("hostAliases", ())):
        at = f"{path}.hostAliases[{index}]"
        if formats.address(alias.get("ip", "")) is None:
            found.append(causes.invalid(f"{at}.ip", alias.get("ip", ""), formats.ADDRESS_WORDS))
        for number, name in enumerate(alias.get("hostnames", ())):
            found += causes.all_invalid(f"{at}.hostnames[{number}]", name, formats.subdomain(name))
    return found
