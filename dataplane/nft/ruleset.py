"""A ruleset as a value: tables of sets, maps, chains and rules. ``str()`` of it is what `nft list` prints."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network

from dataplane.nft.datatype import Value
from dataplane.nft.element import Element, Key
from dataplane.nft.expression import Lowering
from dataplane.nft.statement import Between, Statement, Verdict

FAMILIES = {"inet": 1, "ip": 2, "bridge": 7, "ip6": 10}
HOOKS = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}


@dataclass(frozen=True, slots=True)
class Rule:
    """Statements in order. Two rules are equal when they do the same, whatever their comments.

    comment: at most 255 bytes, kept as the rule's userdata, for people and traces.
    handle: the kernel's number; 0 in a rule that was not read from the kernel.
    """

    statements: tuple[Statement, ...]
    comment: str = field(default="", compare=False)
    handle: int = field(default=0, compare=False)

    def packed(self, family: str) -> bytes:
        """The rule's expression list for a table of this family."""
        low = Lowering(family)
        for statement in self.statements:
            statement.lower(low)
        return low.packed()

    def __str__(self) -> str:
        text = " ".join(statement.text for statement in self.statements)
        return f'{text} comment "{self.comment}"' if self.comment else text


def rule(*statements: Statement, comment: str = "") -> Rule:
    """A rule, written as its statements."""
    return Rule(statements, comment)


@dataclass(frozen=True, slots=True)
class Hook:
    """Where packets enter a base chain. type: filter, nat or route. policy: of packets that reach its end."""

    type: str
    hook: str
    priority: int
    policy: str = "accept"


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; with a hook a base chain."""

    name: str
    rules: tuple[Rule, ...] = ()
    hook: Hook | None = None


@dataclass(frozen=True, slots=True)
class Set:
    """A named set, or a map when it has data.

    data: Key of the values a map holds; None for a set and for a verdict map. verdicts: a verdict map.
    interval: elements may be ranges. elements: by ``key + end``.
    """

    name: str
    key: Key
    data: Key | None = None
    verdicts: bool = False
    interval: bool = False
    elements: Mapping[bytes, Element] = field(default_factory=dict)

    @property
    def is_map(self) -> bool:
        """Holds data for its keys."""
        return self.verdicts or self.data is not None

    def element(self, *values: Value, to: Verdict | tuple[Value, ...] = (), comment: str = "") -> Element:
        """One element. values: one a field; in an interval set also networks and ``Between``.

        to: what a map holds: a Verdict, or one value a field of its data.
        """
        data: bytes | Verdict = b""
        if isinstance(to, Verdict):
            data = to
        elif self.data is not None:
            data = self.data.pack(to)
        if not self.interval:
            return Element(self.key.pack(values), data, comment=comment)
        low = self.key.pack([_low(value) for value in values])
        high = self.key.pack([_high(value) for value in values])
        return Element(low, data, b"" if low == high else high, comment)

    def with_elements(self, elements: Iterable[Element]) -> "Set":
        """The same set with these elements."""
        return replace(self, elements={element.key + element.end: element for element in elements})


def _low(value: Value) -> Value:
    if isinstance(value, IPv4Network | IPv6Network):
        return value.network_address
    return value.low if isinstance(value, Between) else value


def _high(value: Value) -> Value:
    if isinstance(value, IPv4Network | IPv6Network):
        return value.broadcast_address
    return value.high if isinstance(value, Between) else value


@dataclass(frozen=True)
class Table:
    """A table with its sets and chains, in the order in which they are created and listed."""

    family: str
    name: str
    sets: tuple[Set, ...] = ()
    chains: tuple[Chain, ...] = ()

    @cached_property
    def set_by_name(self) -> dict[str, Set]:
        """Sets and maps by name."""
        return {each.name: each for each in self.sets}

    @cached_property
    def chain_by_name(self) -> dict[str, Chain]:
        """Chains by name."""
        return {each.name: each for each in self.chains}

    def __str__(self) -> str:
        from dataplane.nft.text import table_text

        return table_text(self)


@dataclass(frozen=True)
class RulesetState:
    """Tables of ours in one namespace."""

    tables: tuple[Table, ...] = ()

    def table(self, family: str, name: str) -> Table | None:
        """The table of that name, or None."""
        return next((each for each in self.tables if (each.family, each.name) == (family, name)), None)

    def __str__(self) -> str:
        return "".join(str(table) for table in self.tables)
