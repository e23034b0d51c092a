"""Replays a flow in a running lab: brings what it needs, observes, compares with the picture, cleans up."""

import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control.client.resources import NAMESPACES
from control.errors import NotReady
from control.scenarios.arrow import Arrow, Compared, Part, Seen, compare
from control.testkit.lab import Lab
from control.testkit.until import until
from dataplane.patience import patient

_GONE_S = 60.0
_PREFIX = "scenario-"
_OWNER = re.compile(rf"{_PREFIX}.*-(\d+)-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Observation:
    """What a flow saw. facts: for the labels of its parts."""

    facts: Mapping[str, str]
    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """One picture of the reference document.

    name: on the command line. title: the document's heading. chart: ``graph LR``, ``graph TB``, ``sequenceDiagram``.
    observe: given a lab in a namespace of the flow's own, makes what it needs, and says what it saw.
    ordered: arrows come one after another; else each at least once. workers: that the lab must have.
    """

    name: str
    title: str
    chart: str
    parts: tuple[Part, ...]
    arrows: tuple[Arrow, ...]
    observe: Callable[[Lab], Observation]
    ordered: bool = True
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """A flow as it went in a lab."""

    flow: Flow
    facts: Mapping[str, str]
    compared: Compared

    @property
    def as_drawn(self) -> bool:
        """No arrow is missing, and none is too many."""
        return not self.compared.missing and not self.compared.extra

    def problems(self) -> list[str]:
        """A line for each arrow that is missing or too many."""
        missing = [
            f"missing: {a.source} → {a.target} ({a.what}) {label(a.label, self.facts)}".rstrip()
            for a in self.compared.missing
        ]
        extra = [f"extra: {s.source} → {s.target} ({s.what}) {s.evidence}" for s in self.compared.extra]
        return missing + extra

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "scenario": self.flow.name,
            "title": self.flow.title,
            "asDrawn": self.as_drawn,
            "arrows": [
                {
                    "from": arrow.source,
                    "to": arrow.target,
                    "what": arrow.what,
                    "label": label(arrow.label, {**self.facts, **seen.facts}),
                    "evidence": seen.evidence,
                }
                for arrow, seen in self.compared.pairs
            ],
            "missing": [f"{a.source} → {a.target}: {a.what}" for a in self.compared.missing],
            "extra": [f"{s.source} → {s.target}: {s.what}, {s.evidence}" for s in self.compared.extra],
        }


def run(flow: Flow, lab: Lab) -> Recording:
    """Replay a flow in a namespace of its own, which is gone when this returns.

    Raises NotReady when what it needs does not become ready.
    """
    workers = len(lab.nodes) - 1
    if workers < flow.workers:
        raise NotReady(
            f"{flow.name} needs {flow.workers} workers, and lab {lab.name} has {workers}.",
            f"sudo podwire node add --name {lab.name}",
        )
    sweep(lab)
    here = lab.in_namespace(f"{_PREFIX}{flow.name}-{os.getpid()}-{secrets.token_hex(2)}")
    try:
        observed = flow.observe(here)
    except AssertionError as error:  # until() says so
        raise NotReady(f"{flow.name}: {error}.", f"podwire kubectl get pods -n {here.namespace}") from error
    finally:
        here.leave()
        until(lambda: here.api.find(NAMESPACES, here.namespace) is None, patient(_GONE_S), what="cleaned up")
    return Recording(flow, observed.facts, compare(flow.arrows, observed.seen, ordered=flow.ordered))


def sweep(lab: Lab) -> None:
    """Delete namespaces of runs that were killed: their process is no more."""
    for each in lab.api.list(NAMESPACES):
        name = str(each["metadata"]["name"])
        owner = _OWNER.fullmatch(name)
        if owner is not None and not Path(f"/proc/{owner[1]}").exists():
            lab.api.delete(NAMESPACES, name)


def label(template: str, facts: Mapping[str, str]) -> str:
    """A label with its facts; … for one that was not observed."""
    return template.format_map(_Known(facts))


class _Known(dict[str, str]):
    def __missing__(self, _key: str) -> str:
        return "…"


def flows() -> Iterable[Flow]:
    """All flows, in the document's order of growing ado."""
    from control.scenarios import clusterip, network_policy, pod_to_pod

    return pod_to_pod.FLOW, clusterip.FLOW, network_policy.FLOW
