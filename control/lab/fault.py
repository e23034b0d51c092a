"""A fault as a person asks for it: on the command line, in lab.yaml, in Python. Pure."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from control.errors import FaultInvalid, SpecInvalid
from control.lab.spec_fields import Fields

KINDS = ("cut", "lose", "delay", "throttle", "pause")
_PAIRS = ("cut", "lose")
_RATE = re.compile(r"(\d+(?:\.\d+)?)(bit|kbit|mbit|gbit)")
_BITS = {"bit": 1, "kbit": 1_000, "mbit": 1_000_000, "gbit": 1_000_000_000}
_LEAST_BIT, _MOST_BIT = 8_000, 32_000_000_000
_MOST_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where.

    kind: one of KINDS. places: one, or two of a pair. percent: of packets lost. rate_bit: per second, each way.
    delay_ms, jitter_ms: each way.
    """

    kind: str
    places: tuple[str, ...]
    percent: float = 0.0
    rate_bit: int = 0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0

    def __str__(self) -> str:
        amount = ""
        if self.kind == "lose":
            amount = f" {self.percent:g} %"
        elif self.kind == "throttle":
            amount = f" {rate_text(self.rate_bit)}"
        elif self.kind == "delay":
            amount = f" {self.delay_ms:g} ms" + (f" ± {self.jitter_ms:g} ms" if self.jitter_ms else "")
        return f"{self.kind} {' '.join(self.places)}{amount}"

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """Faults with the same key replace each other: a kind, and places in any order."""
        return self.kind, tuple(sorted(self.places))


def checked(fault: Fault) -> Fault:
    """The fault, or FaultInvalid naming what is wrong with it."""
    most = 2 if fault.kind in _PAIRS else 1
    if not 1 <= len(fault.places) <= most:
        wanted = "one place, or two" if most == 2 else "one place"
        raise FaultInvalid(
            f"{fault.kind} takes {wanted}, not {len(fault.places)}.", f"podwire fault {fault.kind} node-1"
        )
    if len(set(fault.places)) < len(fault.places):
        raise FaultInvalid(
            f"{fault.kind} between {fault.places[0]} and itself means nothing.", "two different places"
        )
    if fault.kind == "lose" and not 0.01 <= fault.percent <= 100:
        raise FaultInvalid(
            f"{fault.percent:g} is no percentage of packets: 0.01 to 100.", f"lose {fault.places[0]} 5"
        )
    if fault.kind == "throttle" and not _LEAST_BIT <= fault.rate_bit <= _MOST_BIT:
        raise FaultInvalid(
            f"{rate_text(fault.rate_bit)} is no rate of a link: 8kbit to 32gbit.",
            f"throttle {fault.places[0]} 10mbit",
        )
    if fault.kind == "delay" and not (
        0 < fault.delay_ms <= _MOST_MS and 0 <= fault.jitter_ms <= fault.delay_ms
    ):
        raise FaultInvalid(
            f"{fault.delay_ms:g} ms ± {fault.jitter_ms:g} ms is no delay: more than 0, at most 60000, and no more "
            "jitter than delay.",
            f"delay {fault.places[0]} 20 --jitter 5",
        )
    return fault


def percent_of(text: str) -> float:
    """``5``, ``2.5``, ``5%``. Raises FaultInvalid."""
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        raise FaultInvalid(f"{text!r} is no percentage.", "lose node-1 5") from None


def milliseconds_of(text: str) -> float:
    """``20``, ``20ms``. Raises FaultInvalid."""
    try:
        return float(text.removesuffix("ms"))
    except ValueError:
        raise FaultInvalid(f"{text!r} is no time in milliseconds.", "delay node-1 20") from None


def rate_of(text: str) -> int:
    """``10mbit`` in bit/s. Raises FaultInvalid."""
    found = _RATE.fullmatch(text.lower())
    if found is None:
        raise FaultInvalid(
            f"{text!r} is no rate: a number with bit, kbit, mbit or gbit.", "throttle node-1 10mbit"
        )
    return int(float(found[1]) * _BITS[found[2]])


def rate_text(rate_bit: int) -> str:
    """``10mbit`` again."""
    for unit, bits in reversed(_BITS.items()):
        if rate_bit >= bits:
            return f"{rate_bit / bits:g}{unit}"
    return f"{rate_bit}bit"


def read_faults(top: Fields, places: Sequence[str], roles: Sequence[str]) -> tuple[Fault, ...]:
    """``faults:`` of a lab.yaml. places: nodes and internet, as pods come later. roles: processes.

    Raises SpecInvalid naming the field.
    """
    if not top.has("faults"):
        return ()
    found: list[Fault] = []
    for entry in top.list("faults"):
        fault = _read(entry)
        known = (*places, *roles) if fault.kind == "pause" else places
        for place in fault.places:
            if place not in known:
                raise entry.wrong(
                    fault.kind, f"there is no {place} when the lab has come up", f"one of {', '.join(known)}"
                )
        if fault.key in [other.key for other in found]:
            raise entry.wrong(
                fault.kind, f"{fault.kind} {' '.join(fault.places)} stands twice", "one of them"
            )
        found.append(fault)
    return tuple(found)


def _read(entry: Fields) -> Fault:
    kinds = [kind for kind in KINDS if entry.has(kind)]
    entry.only(*KINDS, "percent", "rate", "ms", "jitter")
    if len(kinds) != 1:
        what = "is no fault" if not kinds else f"is {len(kinds)} faults"
        raise SpecInvalid(f"{entry.source}: {entry.where}: {what}.", f"one of {', '.join(KINDS)}: PLACE")
    kind = kinds[0]
    value = entry.mapping[kind]
    places = tuple(map(str, value)) if isinstance(value, list) else (str(value),)
    belongs = {"lose": ("percent",), "throttle": ("rate",), "delay": ("ms", "jitter")}.get(kind, ())
    for field in ("percent", "rate", "ms", "jitter"):
        if entry.has(field) and field not in belongs:
            raise entry.wrong(field, f"says nothing of {kind}", "leave it out")
    if belongs and not entry.has(belongs[0]):
        raise entry.wrong(belongs[0], "is required", f"{belongs[0]}: …")
    try:
        return checked(
            Fault(
                kind,
                places,
                percent=percent_of(str(entry.mapping.get("percent", 0))),
                rate_bit=rate_of(str(entry.mapping["rate"])) if kind == "throttle" else 0,
                delay_ms=milliseconds_of(str(entry.mapping.get("ms", 0))),
                jitter_ms=milliseconds_of(str(entry.mapping.get("jitter", 0))),
            )
        )
    except FaultInvalid as error:
        raise entry.wrong(kind, error.what.rstrip("."), error.mend) from error


def as_json(fault: Fault) -> dict[str, Any]:
    """A fault as JSON."""
    return {**asdict(fault), "places": list(fault.places)}


def from_json(document: dict[str, Any]) -> Fault:
    """The fault again."""
    return Fault(**{**document, "places": tuple(document["places"])})
