"""What a fault does to the kernel, as values that survive in a file: each is done, found and undone on its own."""

from dataclasses import asdict, dataclass
from ipaddress import ip_network
from typing import Any

from dataplane.model.address import IPNetwork


@dataclass(frozen=True, slots=True)
class LinkDown:
    """A link is down: a port of a bridge, so that no address or route goes with it."""

    netns: str
    link: str


@dataclass(frozen=True, slots=True)
class PortDrop:
    """Frames between ports of a bridge are dropped, or ``percent`` of them.

    chain: a name of the fault's own. crossings: (in, out) names of ports; "" for any.
    """

    netns: str
    chain: str
    crossings: tuple[tuple[str, str], ...]
    percent: float = 100.0


@dataclass(frozen=True, slots=True)
class AddressDrop:
    """Packets between addresses are dropped, or ``percent`` of them, where a node forwards, sends and receives them.

    pairs: (source, destination), both of one family.
    """

    netns: str
    chain: str
    pairs: tuple[tuple[IPNetwork, IPNetwork], ...]
    percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Shaped:
    """What leaves by a link is slowed: by a token bucket (tbf) or by netem."""

    netns: str
    link: str
    rate_bit: int = 0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0

    @property
    def kind(self) -> str:
        """The kernel's name of the queueing discipline."""
        return "tbf" if self.rate_bit else "netem"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A cgroup's processes get no time. path: of the group."""

    path: str


@dataclass(frozen=True, slots=True)
class Halted:
    """A process is stopped (SIGSTOP). born: its start in clock ticks, so that nobody else's number is meant."""

    pid: int
    born: int


Act = LinkDown | PortDrop | AddressDrop | Shaped | Frozen | Halted
_KINDS: dict[str, type[Act]] = {
    each.__name__: each for each in (LinkDown, PortDrop, AddressDrop, Shaped, Frozen, Halted)
}


def as_json(act: Act) -> dict[str, Any]:
    """An act as JSON."""
    fields = asdict(act)
    if isinstance(act, AddressDrop):
        fields["pairs"] = [[str(source), str(destination)] for source, destination in act.pairs]
    return {"act": type(act).__name__, **fields}


def from_json(document: dict[str, Any]) -> Act:
    """The act again. Raises KeyError, TypeError, ValueError for what is none."""
    fields = {key: value for key, value in document.items() if key != "act"}
    if "crossings" in fields:
        fields["crossings"] = tuple((into, out) for into, out in fields["crossings"])
    if "pairs" in fields:
        fields["pairs"] = tuple((ip_network(source), ip_network(to)) for source, to in fields["pairs"])
    return _KINDS[document["act"]](**fields)
