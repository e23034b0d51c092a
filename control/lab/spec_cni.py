"""The part of lab.yaml about CNI: whose plugins plug the pods in."""

import json
from ipaddress import ip_network
from pathlib import Path

from control.agents.context import ConflistSpec
from control.lab.spec_fields import Fields

USUAL_PATH = ("/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni")
"""Where plugins are: upstream's place, Debian's, Fedora's."""


def read_cni(entry: Fields, beside: Path) -> ConflistSpec | None:
    """The conflist that a lab's pods are plugged in by; None for podwire's own network.

    beside: the folder that relative paths begin at. Raises SpecInvalid for a list that can't be read, names an
    unknown placeholder, or a plugin that this machine does not have.
    """
    entry.only("conflist", "path")
    if not entry.has("conflist"):
        if entry.has("path"):
            raise entry.wrong("path", "says where plugins are, and no conflist names one", "conflist: FILE")
        return None
    from cni.errors import CNIError  # few labs have a conflist, and each command reads a spec
    from cni.runtime.exec import Plugins
    from cni.spec import conflist
    from cni.spec.config import TYPE, NodeNetwork

    ranges = (ip_network("10.244.1.0/24"), ip_network("fd00:10:244:1::/64"))
    some_node = NodeNetwork("node", "", ranges, 1450, Path("/var/lib/podwire"))
    file = beside / entry.text("conflist", None)
    path = _path(entry)
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise entry.wrong("conflist", f"{file} can't be read: {error.strerror}", "a file's path") from error
    except ValueError as error:
        raise entry.wrong("conflist", f"{file} is not JSON: {error}", "mend the place named") from error
    try:
        filled = conflist.fill_in(document, some_node)
        network = conflist.read(filled)
        plugins = Plugins("", path)
        for plugin in network.plugins:
            for kind in (plugin["type"], (plugin.get("ipam") or {}).get("type") or TYPE):
                if kind != TYPE:
                    plugins.find(kind)
    except CNIError as error:
        raise entry.wrong("conflist", f"{file.name}: {error}", error.mend or "see docs/how/cni.md") from error
    return ConflistSpec(json.dumps(document, sort_keys=True), path)


def _path(entry: Fields) -> tuple[str, ...]:
    said = entry.mapping.get("path")
    if said is None:
        return USUAL_PATH
    if not isinstance(said, list) or not all(isinstance(part, str) and part.startswith("/") for part in said):
        raise entry.wrong("path", f"expected a list of absolute paths, got {said!r}", "path: [/opt/cni/bin]")
    return tuple(said)
