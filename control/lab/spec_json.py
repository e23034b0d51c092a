"""A spec as the JSON in a lab's directory, and back."""

import json
from dataclasses import asdict
from ipaddress import ip_network
from typing import Any

from control.agents.context import ConflistSpec
from control.lab import fault as faults
from control.lab.spec import LabSpec, NodeSpec, Periods


def from_json(document: dict[str, Any]) -> LabSpec:
    """The value that ``asdict`` was taken of, networks parsed again."""
    fields = dict(document)
    fields["nodes"] = tuple(
        NodeSpec(
            name=node["name"],
            number=node["number"],
            control=node["control"],
            labels=tuple((key, value) for key, value in node["labels"]),
            taints=tuple((key, value, effect) for key, value, effect in node["taints"]),
        )
        for node in document["nodes"]
    )
    for key in ("node_cidrs", "pod_cidrs", "service_cidrs"):
        fields[key] = tuple(ip_network(text) for text in document[key])
    fields["periods"] = Periods(**document["periods"])
    if document.get("cni"):
        fields["cni"] = ConflistSpec(document["cni"]["conflist"], tuple(document["cni"]["path"]))
    fields["faults"] = tuple(faults.from_json(each) for each in document.get("faults") or ())
    return LabSpec(**fields)


def as_json(spec: LabSpec) -> dict[str, Any]:
    """A spec as JSON; networks as text."""
    document: dict[str, Any] = json.loads(json.dumps(asdict(spec), default=str))
    return document
