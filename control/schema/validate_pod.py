"""Rules for pods and pod templates."""

from collections.abc import Callable, Mapping
from typing import Any

from control.errors import Cause
from control.schema import causes, formats
from control.schema.validate_container import PodNames, containers
from control.schema.validate_ephemeral import ephemeral_containers
from control.schema.validate_meta import annotations, labels
from control.schema.validate_placement import affinity, spread, tolerations
from control.schema.validate_security import pod_security
from control.schema.validate_volume import volumes

RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_INT32_MAX = (1 << 31) - 1


def pod(obj: Mapping[str, Any]) -> list[Cause]:
    """A new pod."""
    spec = obj.get("spec", {})
    found = pod_spec(spec, "spec")
    if spec.get("ephemeralContainers"):
        said = "cannot be set on create"
        found.append(causes.forbidden("spec.ephemeralContainers", said))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        said = "cannot be set until all schedulingGates have been cleared"
        found.append(causes.forbidden("spec.nodeName", said))
    return found


def template(value: Mapping[str, Any], path: str) -> list[Cause]:
    """A pod template: its labels, annotations and spec."""
    meta = value.get("metadata", {})
    found = labels(meta.get("labels", {}), f"{path}.labels")  # upstream leaves metadata out of these paths
    found += annotations(meta.get("annotations", {}), f"{path}.annotations")
    found += pod_spec(value.get("spec", {}), f"{path}.spec")
    if value.get("spec", {}).get("ephemeralContainers"):
        said = "ephemeral containers not allowed in pod template"
        found.append(causes.forbidden(f"{path}.spec.ephemeralContainers", said))
    return found


def pod_spec(spec: Mapping[str, Any], path: str) -> list[Cause]:
    """A pod's spec, defaulted; findings in upstream's order."""
    found = _containers(spec, path)
    if spec.get("restartPolicy") not in RESTART_POLICIES:
        found += causes.one_of(f"{path}.restartPolicy", spec.get("restartPolicy", ""), RESTART_POLICIES)
    if spec.get("dnsPolicy") not in _DNS_POLICIES:
        found += causes.one_of(f"{path}.dnsPolicy", spec.get("dnsPolicy", ""), _DNS_POLICIES)
    if spec.get("nodeSelector"):
        found += labels(spec["nodeSelector"], f"{path}.nodeSelector")
    if "securityContext" in spec:
        found += pod_security(spec["securityContext"], f"{path}.securityContext", spec)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        said = "ShareProcessNamespace and HostPID cannot both be enabled"
        found.append(causes.invalid(f"{path}.shareProcessNamespace", True, said))
    if "affinity" in spec:
        found += affinity(spec["affinity"], f"{path}.affinity")
    found += _dns(spec, path) + _gates(spec, path)
    if "topologySpreadConstraints" in spec:
        found += spread(spec["topologySpreadConstraints"], f"{path}.topologySpreadConstraints")
    found += _names(spec, path, _NAMES_FIRST) + _deadline(spec, path) + _names(spec, path, _NAMES_THEN)
    if "tolerations" in spec:
        found += tolerations(spec["tolerations"], f"{path}.tolerations")
    found += _host_aliases(spec, path) + _names(spec, path, _NAMES_LAST)
    if spec.get("preemptionPolicy", "Never") not in ("Never", "PreemptLowerPriority"):
        supported = ("PreemptLowerPriority", "Never")
        found.append(causes.not_supported(f"{path}.preemptionPolicy", spec["preemptionPolicy"], supported))
    if "os" in spec and spec["os"].get("name") not in ("linux", "windows"):
        found += causes.one_of(f"{path}.os.name", spec["os"].get("name", ""), ("linux", "windows"))
    return found


def _containers(spec: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    if "terminationGracePeriodSeconds" not in spec:
        found.append(causes.required(f"{path}.terminationGracePeriodSeconds"))
    good: dict[str, dict[str, Any]] = {}
    if "volumes" in spec:
        found += volumes(spec["volumes"], f"{path}.volumes", good)
    names = PodNames(
        volumes=good,
        host_network=bool(spec.get("hostNetwork")),
        grace_s=spec.get("terminationGracePeriodSeconds", 30),
    )
    if not spec.get("containers"):
        found.append(causes.required(f"{path}.containers"))
    found += containers(spec.get("containers", []), f"{path}.containers", names, init=False)
    if "initContainers" in spec:
        found += containers(spec["initContainers"], f"{path}.initContainers", names, init=True)
    if "ephemeralContainers" in spec:
        found += ephemeral_containers(spec["ephemeralContainers"], f"{path}.ephemeralContainers", names)
    return found


def _gates(spec: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
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
    return found


_Rule = Callable[[str], tuple[str, ...]]
_NAMES_FIRST: tuple[tuple[str, _Rule], ...] = (
    ("serviceAccountName", formats.subdomain),
    ("nodeName", formats.subdomain),
)
_NAMES_THEN: tuple[tuple[str, _Rule], ...] = (("hostname", formats.label), ("subdomain", formats.label))
_NAMES_LAST: tuple[tuple[str, _Rule], ...] = (
    ("priorityClassName", formats.subdomain),
    ("runtimeClassName", formats.subdomain),
)


def _names(spec: Mapping[str, Any], path: str, rules: tuple[tuple[str, _Rule], ...]) -> list[Cause]:
    found: list[Cause] = []
    for key, rule in rules:
        if spec.get(key):
            wrong = rule(spec[key])
            if wrong:
                found += causes.all_invalid(f"{path}.{key}", spec[key], wrong)
    return found


def _deadline(spec: Mapping[str, Any], path: str) -> list[Cause]:
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is None or 1 <= deadline <= _INT32_MAX:
        return []
    said = f"must be between 1 and {_INT32_MAX}, inclusive"
    return [causes.invalid(f"{path}.activeDeadlineSeconds", deadline, said)]


def _dns(spec: Mapping[str, Any], path: str) -> list[Cause]:
    """How names are looked up."""
    found: list[Cause] = []
    config = spec.get("dnsConfig", {})
    servers = config.get("nameservers", ())
    at = f"{path}.dnsConfig"
    if spec.get("dnsPolicy") == "None" and not servers:
        if "dnsConfig" not in spec:
            found.append(causes.required(at, "must provide `dnsConfig` when `dnsPolicy` is None"))
        else:
            said = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            found.append(causes.required(f"{at}.nameservers", said))
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
        plain = name.removesuffix(".")
        wrong = formats.search_domain(plain) if name != "." else ()
        found += causes.all_invalid(f"{at}.searches[{index}]", plain, wrong)
    for index, option in enumerate(config.get("options", ())):
        if not option.get("name"):
            found.append(causes.required(f"{at}.options[{index}]", "must not be empty"))
    return found


def _host_aliases(spec: Mapping[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    for index, alias in enumerate(spec.get("hostAliases", ())):
        at = f"{path}.hostAliases[{index}]"
        if formats.address(alias.get("ip", "")) is None:
            found.append(causes.invalid(f"{at}.ip", alias.get("ip", ""), formats.ADDRESS_WORDS))
        for number, name in enumerate(alias.get("hostnames", ())):
            found += causes.all_invalid(f"{at}.hostnames[{number}]", name, formats.subdomain(name))
    return found
