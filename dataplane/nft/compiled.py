"""Rules in the kernel's own form: as a dump gives them, and as two of them are compared."""

from dataclasses import dataclass

from dataplane.nft.expression import Lowering
from dataplane.nft.wire import as_text, as_u32, attribute_map, attributes

_DATA_ATTRIBUTES = {"cmp": {3}, "range": {3, 4}, "bitwise": {4, 5}, "immediate": {2}}
_VOLATILE = {"counter": {1, 2}, "limit": set[int](), "lookup": {4}}
_SHOWN = {"lookup": 1, "log": 2}

Canonical = tuple[tuple[str, tuple[tuple[int, object], ...]], ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A whole rule as the kernel keeps it; what a dump has instead of statements."""

    data: bytes

    def lower(self, low: Lowering) -> None:
        """See Statement."""
        low.emit(self.data)

    @property
    def text(self) -> str:
        """The names of its expressions, as far as they go."""
        return " ".join(_shown(name, dict(values)) for name, values in canonical(self.data))


def canonical(packed: bytes) -> Canonical:
    """An expression list without what does not count: order of attributes, flags, counters' values, set ids."""
    result = []
    for _kind, element in attributes(packed):
        parts = attribute_map(element)
        name = as_text(parts[1])
        skipped, nested = _VOLATILE.get(name, set()), _DATA_ATTRIBUTES.get(name, set())
        values: list[tuple[int, object]] = []
        for kind, value in attributes(parts.get(2, b"")):
            if kind in skipped:
                continue
            values.append((kind, _data(value) if kind in nested else value))
        result.append((name, tuple(sorted(values, key=lambda pair: pair[0]))))
    return tuple(result)


def _data(value: bytes) -> object:
    """Constant bytes, or a verdict's code and chain."""
    parts = attribute_map(value)
    if 1 in parts:
        return parts[1]
    inner = attribute_map(parts[2])
    return as_u32(inner[1]), as_text(inner.get(2, b""))


def _shown(name: str, values: dict[int, object]) -> str:
    key = _SHOWN.get(name)
    value = values.get(key) if key is not None else None
    if name == "immediate" and isinstance(values.get(2), tuple):
        return f"[ {name} {values[2]} ]"
    return f"[ {name} @{as_text(value)} ]" if isinstance(value, bytes) else f"[ {name} ]"
