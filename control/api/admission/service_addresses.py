"""A Service's families, cluster IPs and node ports, as upstream's REST storage settles them."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Final

from control.api.admission.attempt import Attempt, Operation
from control.api.allocation import SERVICES, Exhausted, OutOfRange, ServiceAllocator, Taken
from control.api.refusals import invalid
from control.api.request import Json
from control.errors import ApiError, Cause, InternalError
from control.store.contract import Key
from dataplane.model.address import Family

_WITH_NODE_PORTS: Final = ("NodePort", "LoadBalancer")
_WORDS: Final = {Family.V4: "IPv4", Family.V6: "IPv6"}
_FAMILIES: Final = {"IPv4": Family.V4, "IPv6": Family.V6}


class ServiceAddresses:
    """Fills in what is left open, and refuses what is taken or out of range (422)."""

    def __init__(self, allocator: ServiceAllocator) -> None:
        self._pool = allocator

    def admit(self, attempt: Attempt) -> None:
        """Reserve addresses and ports for a Service; undone when the write fails. Raises Invalid."""
        if attempt.resource != SERVICES or attempt.subresource or attempt.new is None:
            return
        spec: Json = attempt.new.setdefault("spec", {})
        if attempt.operation is Operation.UPDATE and attempt.old is not None:
            keep_allocated(spec, attempt.old.get("spec", {}))
        if spec.get("type") == "ExternalName":
            for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                spec.pop(field, None)
            return
        if spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]
        self._settle_families(attempt, spec)
        if spec.get("clusterIP") != "None":
            self._settle_addresses(attempt, spec)
        self._settle_ports(attempt, spec)

    def _settle_families(self, attempt: Attempt, spec: Json) -> None:
        """ipFamilyPolicy and ipFamilies from each other, from addresses that are given, and from the cluster."""
        cluster = [_WORDS[family] for family in self._pool.families]
        given = [text for text in spec.get("clusterIPs") or () if text and text != "None"]
        families: list[str] = list(spec.get("ipFamilies") or ())
        for index, text in enumerate(given):
            family = _family_of(text)
            if family and index >= len(families):
                families.append(family)
        headless = spec.get("clusterIP") == "None"
        if not spec.get("ipFamilyPolicy"):
            free = headless and not spec.get("selector")
            wants_two = free or len(families) > 1
            spec["ipFamilyPolicy"] = "RequireDualStack" if wants_two else "SingleStack"
        policy = spec["ipFamilyPolicy"]
        unserved = [family for family in families if family not in cluster]
        if unserved and not headless:
            why = f'Invalid value: "{unserved[0]}": not configured on this cluster'
            raise _refused(
                attempt, "FieldValueInvalid", f"spec.ipFamilies[{families.index(unserved[0])}]", why
            )
        if policy == "RequireDualStack" and len(cluster) < 2 and not headless:
            why = 'Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'
            raise _refused(attempt, "FieldValueInvalid", "spec.ipFamilyPolicy", why)
        for family in cluster:
            if family not in families and (not families or policy != "SingleStack"):
                families.append(family)
        if policy == "SingleStack":
            families = families[:1]
            if spec.get("clusterIPs"):
                spec["clusterIPs"] = spec["clusterIPs"][:1]
        spec["ipFamilies"] = families
        if headless:
            spec["clusterIPs"] = ["None"]

    def _settle_addresses(self, attempt: Attempt, spec: Json) -> None:
        key = Key(SERVICES, attempt.namespace, attempt.name)
        settled: list[str] = []
        given = list(spec.get("clusterIPs") or ())
        for index, word in enumerate(spec["ipFamilies"]):
            text = given[index] if index < len(given) else ""
            settled.append(self._take(attempt, text, key, given) if text else self._next(attempt, word, key))
        spec["clusterIPs"] = settled
        spec["clusterIP"] = settled[0]

    def _take(self, attempt: Attempt, text: str, key: Key, given: list[str]) -> str:
        try:
            address = ip_address(text)
        except ValueError:
            why = f'Invalid value: "{text}": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
            raise _refused(attempt, "FieldValueInvalid", "spec.clusterIPs[0]", why) from None
        try:
            if self._pool.take_address(address, key):
                attempt.undo.append(lambda: self._pool.release_address(address, key))
        except (Taken, OutOfRange) as error:
            ranges = ", ".join(str(cidr) for cidr in self._pool.cidrs.values())
            why = (
                "provided IP is already allocated"
                if isinstance(error, Taken)
                else f"the provided IP ({text}) is not in the valid range. The range of valid IPs is {ranges}"
            )
            shown = _shown(given)
            why = f"Invalid value: {shown}: failed to allocate IP {text}: {why}"
            raise _refused(attempt, "FieldValueInvalid", "spec.clusterIPs", why) from None
        return str(address)

    def _next(self, attempt: Attempt, word: str, key: Key) -> str:
        try:
            address = self._pool.next_address(_FAMILIES[word], key)
        except Exhausted:
            raise InternalError(
                f"failed to allocate a serviceIP: range {self._pool.cidrs[_FAMILIES[word]]} is full"
            ) from None
        attempt.undo.append(lambda: self._pool.release_address(address, key))
        return str(address)

    def _settle_ports(self, attempt: Attempt, spec: Json) -> None:
        key = Key(SERVICES, attempt.namespace, attempt.name)
        ports: list[Json] = spec.get("ports") or []
        balanced = spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False
        if spec.get("type") not in _WITH_NODE_PORTS:
            return
        for index, port in enumerate(ports):
            if port.get("nodePort"):
                self._take_port(attempt, port["nodePort"], f"spec.ports[{index}].nodePort", key)
        for port in ports:
            if not port.get("nodePort") and not balanced:
                port["nodePort"] = self._same_port(ports, port) or self._next_port(attempt, key)
        if spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local":
            if spec.get("healthCheckNodePort"):
                self._take_port(attempt, spec["healthCheckNodePort"], "spec.healthCheckNodePort", key)
            else:
                spec["healthCheckNodePort"] = self._next_port(attempt, key)

    @staticmethod
    def _same_port(ports: Iterable[Json], port: Json) -> int:
        """One number for a port that is served over TCP and UDP."""
        same = (
            other["nodePort"]
            for other in ports
            if other.get("nodePort")
            and other.get("port") == port.get("port")
            and other.get("protocol") != port.get("protocol")
        )
        return next(same, 0)

    def _take_port(self, attempt: Attempt, number: int, field: str, key: Key) -> None:
        try:
            if self._pool.take_port(number, key):
                attempt.undo.append(lambda: self._pool.release_port(number, key))
        except Taken:
            why = f"Invalid value: {number}: provided port is already allocated"
            raise _refused(attempt, "FieldValueInvalid", field, why) from None
        except OutOfRange:
            ports = self._pool.node_ports
            why = (
                f"Invalid value: {number}: provided port is not in the valid range."
                f" The range of valid ports is {ports.start}-{ports.stop - 1}"
            )
            raise _refused(attempt, "FieldValueInvalid", field, why) from None

    def _next_port(self, attempt: Attempt, key: Key) -> int:
        try:
            number = self._pool.next_port(key)
        except Exhausted:
            raise InternalError("failed to allocate a nodePort: range is full") from None
        attempt.undo.append(lambda: self._pool.release_port(number, key))
        return number


def keep_allocated(spec: Json, old: Json) -> None:
    """What an update leaves out stays: cluster IPs, and the node ports of ports that stay."""
    if old.get("type") == "ExternalName" or spec.get("type") == "ExternalName":
        return
    if not spec.get("clusterIP") and not spec.get("clusterIPs"):
        for field in ("clusterIP", "clusterIPs"):
            if old.get(field):
                spec[field] = list(old[field]) if field == "clusterIPs" else old[field]
    for field in ("ipFamilyPolicy", "ipFamilies"):
        if not spec.get(field) and old.get(field):
            spec[field] = old[field]
    had = old.get("type") in _WITH_NODE_PORTS
    wants = spec.get("type") in _WITH_NODE_PORTS
    before = {
        (port.get("protocol"), port.get("port")): port.get("nodePort") for port in old.get("ports") or ()
    }
    for port in spec.get("ports") or ():
        kept = before.get((port.get("protocol"), port.get("port")))
        if had and wants and not port.get("nodePort") and kept:
            port["nodePort"] = kept
        if had and not wants and port.get("nodePort") == kept:
            port.pop("nodePort", None)
    if had and wants and not spec.get("healthCheckNodePort") and old.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = old["healthCheckNodePort"]


def _family_of(text: str) -> str:
    try:
        return _WORDS[Family.of(ip_address(text))]
    except ValueError:
        return ""


def _shown(values: list[Any]) -> str:
    return "[" + ",".join(f'"{value}"' for value in values) + "]"


def _refused(attempt: Attempt, reason: str, field: str, why: str) -> ApiError:
    return invalid(attempt.row, attempt.name, [Cause(reason, why, field)])
