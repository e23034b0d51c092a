"""A network configuration list (specification 1.1, section 1): read, filled in for a node, and one plugin's part."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cni.errors import ConfigInvalid, VersionUnknown
from cni.spec.config import TYPE, NodeNetwork
from cni.spec.version import CURRENT, parts

Json = Mapping[str, Any]
CARRIED = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", CURRENT)  # a runtime only carries JSON about
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")
_PLACEHOLDER = re.compile(r"\$\{(\w*)\}")
PLACEHOLDERS = (
    "podCIDR",
    "podCIDRv4",
    "podCIDRv6",
    "gateway",
    "gatewayV4",
    "gatewayV6",
    "mtu",
    "node",
    "stateDir",
)


@dataclass(frozen=True, slots=True)
class NetworkList:
    """A list, in the version that is spoken with its plugins. document: as it was read."""

    name: str
    version: str
    plugins: tuple[Json, ...]
    check: bool
    gc: bool
    document: Json

    def since(self, version: str) -> bool:
        """Is the list's version that one or a later one?"""
        return parts(self.version) >= parts(version)

    def configuration(
        self, plugin: Json, capabilities: Json, *, previous: Json | None = None
    ) -> dict[str, Any]:
        """What one plugin is given: its own part, what the list says for all, and what it declared to take.

        capabilities: what the runtime has to say, by name. previous: a result.
        """
        config = {key: value for key, value in plugin.items() if key != "capabilities"}
        config |= {"cniVersion": self.version, "name": self.name}
        declared = plugin.get("capabilities") or {}
        runtime = {key: value for key, value in capabilities.items() if value and declared.get(key)}
        if runtime:
            config["runtimeConfig"] = runtime
        if previous is not None:
            config["prevResult"] = previous
        return config


def read(document: Any) -> NetworkList:
    """A list, or one plugin's configuration as a list of one. Raises ConfigInvalid, VersionUnknown."""
    if not isinstance(document, Mapping):
        raise ConfigInvalid("conflist: an object is needed")
    if "plugins" not in document and "type" in document:
        document = {
            "cniVersion": document.get("cniVersion"),
            "name": document.get("name"),
            "plugins": [document],
        }
    name = document.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigInvalid(f"name: {name!r} is not a network's name", f"it must match {_NAME.pattern}")
    plugins = document.get("plugins")
    if not isinstance(plugins, list) or not plugins:
        raise ConfigInvalid("plugins: a list of at least one is needed")
    for number, plugin in enumerate(plugins):
        kind = plugin.get("type") if isinstance(plugin, Mapping) else None
        if not isinstance(kind, str) or not kind or "/" in kind:
            raise ConfigInvalid(f"plugins[{number}].type: the name of an executable is needed, not {kind!r}")
    return NetworkList(
        name,
        _version(document),
        tuple(plugins),
        check=not document.get("disableCheck"),
        gc=not document.get("disableGC"),
        document=document,
    )


def _version(document: Json) -> str:
    """The highest version of the list's (``cniVersions`` and ``cniVersion``) that is known here."""
    said = [*(document.get("cniVersions") or ()), document.get("cniVersion", "0.2.0")]
    known = [version for version in said if version in CARRIED]
    if not known:
        raise VersionUnknown(f"cniVersion: {said[-1]!r} is not known here", f"known are {', '.join(CARRIED)}")
    return str(max(known, key=parts))


def fill_in(document: Any, node: NodeNetwork) -> Any:
    """The list for one node: ``${…}`` replaced, and state of the node's own for host-local and our plugin.

    A text that is nothing but ``${mtu}`` becomes the number. A range of a family that the lab does not speak is
    left out of its list. Raises ConfigInvalid for a placeholder that is unknown, or that has no value elsewhere.
    """
    values: dict[str, str | int] = {
        "podCIDR": str(node.pod_cidrs[0]),
        "gateway": str(node.gateways[0]),
        "mtu": node.mtu,
        "node": node.node,
        "stateDir": str(node.directory),
    }
    for cidr, gateway in zip(node.pod_cidrs, node.gateways, strict=True):
        values |= {f"podCIDRv{cidr.version}": str(cidr), f"gatewayV{cidr.version}": str(gateway)}
    filled = _replaced(document, values, "")
    plugins = filled.get("plugins", [filled]) if isinstance(filled, dict) else ()
    for plugin in plugins if isinstance(plugins, list) else ():
        ipam = plugin.get("ipam") if isinstance(plugin, dict) else None
        if isinstance(ipam, dict) and ipam.get("type") == "host-local":
            ipam.setdefault("dataDir", f"{node.directory}/host-local")
        elif isinstance(plugin, dict) and plugin.get("type") == TYPE:
            _complete_ours(plugin, node)
    return filled


def _complete_ours(plugin: dict[str, Any], node: NodeNetwork) -> None:
    """Our own plugin knows its node: the type alone is enough."""
    subnets = plugin.pop("subnets", None) or [str(cidr) for cidr in node.pod_cidrs]
    ipam = plugin.setdefault("ipam", {"ranges": [{"subnet": subnet} for subnet in subnets]})
    if isinstance(ipam, dict):
        ipam.setdefault("directory", f"{node.directory}/{TYPE}")
    plugin |= {"node": node.node, "mtu": plugin.get("mtu", node.mtu)}


class _NotSpoken(ConfigInvalid):
    """A placeholder of a family that the lab does not speak."""


def _replaced(part: Any, values: Mapping[str, str | int], path: str) -> Any:
    if isinstance(part, Mapping):
        return {key: _replaced(value, values, f"{path}.{key}".lstrip(".")) for key, value in part.items()}
    if isinstance(part, list):
        return _replaced_list(part, values, path)
    if not isinstance(part, str):
        return part

    def value_of(match: "re.Match[str]") -> str:
        if match[1] in values:
            return str(values[match[1]])
        if match[1] in PLACEHOLDERS:
            raise _NotSpoken(f"{path}: {match[0]}: this lab does not speak that family")
        raise ConfigInvalid(f"{path}: {match[0]} is unknown", f"known are {', '.join(PLACEHOLDERS)}")

    whole = _PLACEHOLDER.fullmatch(part)
    if whole and whole[1] == "mtu":
        return values["mtu"]
    return _PLACEHOLDER.sub(value_of, part)


def _replaced_list(part: list[Any], values: Mapping[str, str | int], path: str) -> list[Any]:
    """Without the ranges of a family that is not spoken; a list that has only such is one of them."""
    kept = []
    missed: _NotSpoken | None = None
    for number, value in enumerate(part):
        try:
            kept.append(_replaced(value, values, f"{path}[{number}]"))
        except _NotSpoken as error:
            if ".ipam." not in path and not path.endswith("].subnets"):
                raise
            missed = error
    if missed is not None and not kept:
        raise missed
    return kept
