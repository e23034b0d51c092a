"""The functions that Kubernetes adds to CEL: strings, lists, regular expressions, quantities, URLs, addresses.

A quantity, URL, address or CIDR block is a map with one key that says which; CEL programs see them only through
these functions. Source: the Kubernetes documentation of CEL, "Kubernetes CEL libraries", and CEL's string extension.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from control.schema import formats, quantity
from control.schema.custom import cel_text

_LIST: Final = "list(dyn)"
_TEXTS: Final = "list(string)"


@dataclass(frozen=True, slots=True)
class Overload:
    """One way to call a function; for a member, what stands before the dot is the first of ``takes``."""

    takes: tuple[str, ...]
    returns: str
    call: Callable[..., Any]
    member: bool = True


def _of(*takes: str, to: str, call: Callable[..., Any], member: bool = True) -> Overload:
    return Overload(takes, to, call, member)


def _plain(text: str, to: str, call: Callable[[str], Any]) -> Overload:
    return Overload((text,), to, call, member=False)


# Lists


def _is_sorted(values: list[Any]) -> bool:
    return all(one <= other for one, other in pairwise(values))


def _sum(values: list[Any]) -> Any:
    return sum(values) if values else 0


def _extreme(choose: Callable[[Iterable[Any]], Any], name: str) -> Callable[[list[Any]], Any]:
    def call(values: list[Any]) -> Any:
        if not values:
            raise ValueError(f"{name} called on empty list")
        return choose(values)

    return call


def _index_of(values: list[Any], wanted: Any) -> int:
    return next((index for index, value in enumerate(values) if value == wanted), -1)


def _last_index_of(values: list[Any], wanted: Any) -> int:
    found = _index_of(values[::-1], wanted)
    return len(values) - 1 - found if found >= 0 else -1


def _by_item(call: Callable[..., Any]) -> tuple[Overload, ...]:
    """A list's member with an item as its argument: the runtime wants its type spelled out."""
    return tuple(_of(_LIST, kind, to="int", call=call) for kind in ("string", "int", "double", "bool"))


# Quantities


def _quantity(text: str) -> dict[str, str]:
    quantity.parse(text)
    return {"quantity": quantity.canonical(text)}


def _amount(value: Mapping[str, Any]) -> Decimal:
    return quantity.parse(value["quantity"])


def _compare(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    left, right = _amount(one), _amount(other)
    return (left > right) - (left < right)


def _combined(one: Mapping[str, Any], other: Decimal, sign: int) -> dict[str, str]:
    return {"quantity": quantity.canonical(str(_amount(one) + sign * other))}


def _as_integer(value: Mapping[str, Any]) -> int:
    amount = _amount(value)
    if amount != int(amount):
        raise ValueError("cannot convert value to integer")
    return int(amount)


# URLs


def _url(text: str) -> dict[str, str]:
    if not _is_url(text):
        raise ValueError(
            f"URL parse error during conversion from string: parse {text!r}: invalid URI for request"
        )
    return {"url": text}


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return " " not in text and (bool(parts.scheme and (parts.netloc or parts.path)) or text.startswith("/"))


def _part(read: Callable[[Any], Any]) -> Callable[[Mapping[str, Any]], Any]:
    return lambda value: read(urlsplit(value["url"]))


# Addresses


def _ip(text: str) -> dict[str, str]:
    address = formats.address(text)
    if address is None:
        raise ValueError(f'IP Address "{text}" parse error during conversion from string')
    return {"ip": str(address)}


def _cidr(text: str) -> dict[str, str]:
    if formats.network(text) is None:
        raise ValueError(
            f'CIDR "{text}" parse error during conversion from string: network address parse error'
        )
    return {"cidr": text}


def _address(value: Mapping[str, Any] | str) -> Any:
    return formats.address(value if isinstance(value, str) else value["ip"])


def _network(value: Mapping[str, Any]) -> Any:
    return formats.network(value["cidr"])


def _contains_ip(block: Mapping[str, Any], inner: Mapping[str, Any] | str) -> bool:
    return _address(_ip(inner) if isinstance(inner, str) else inner) in _network(block)


def _contains_cidr(block: Mapping[str, Any], inner: Mapping[str, Any] | str) -> bool:
    outer, net = _network(block), formats.network(inner if isinstance(inner, str) else inner["cidr"])
    return net is not None and net.version == outer.version and bool(net.subnet_of(outer))


def _global_unicast(value: Mapping[str, Any]) -> bool:
    ip = _address(value)
    limited = ip.version == 4 and str(ip) == "255.255.255.255"
    return not (ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_link_local or limited)


def _is_canonical(text: str) -> bool:
    return str(_ip(text)["ip"]) == text


FUNCTIONS: Final[Mapping[str, tuple[Overload, ...]]] = {
    **{
        name: tuple(_of(*takes, to=to, call=call) for takes, to, call in overloads)
        for name, overloads in cel_text.MEMBERS.items()
        if name not in ("indexOf", "lastIndexOf")
    },
    "indexOf": (
        *(_of(*takes, to=to, call=call) for takes, to, call in cel_text.MEMBERS["indexOf"]),
        *_by_item(_index_of),
    ),
    "lastIndexOf": (
        *(_of(*takes, to=to, call=call) for takes, to, call in cel_text.MEMBERS["lastIndexOf"]),
        *_by_item(_last_index_of),
    ),
    "strings.quote": (_plain("string", "string", cel_text.quoted),),
    "isSorted": (_of(_LIST, to="bool", call=_is_sorted),),
    "sum": (_of(_LIST, to="dyn", call=_sum),),
    "min": (_of(_LIST, to="dyn", call=_extreme(min, "min")),),
    "max": (_of(_LIST, to="dyn", call=_extreme(max, "max")),),
    "join": (
        _of(_TEXTS, to="string", call="".join),
        _of(_TEXTS, "string", to="string", call=lambda values, between: between.join(values)),
    ),
    "quantity": (_plain("string", "map", _quantity),),
    "isQuantity": (_plain("string", "bool", quantity.is_quantity),),
    "isInteger": (_of("map", to="bool", call=lambda value: _amount(value) == int(_amount(value))),),
    "asInteger": (_of("map", to="int", call=_as_integer),),
    "asApproximateFloat": (_of("map", to="double", call=lambda value: float(_amount(value))),),
    "sign": (_of("map", to="int", call=lambda value: (_amount(value) > 0) - (_amount(value) < 0)),),
    "isGreaterThan": (_of("map", "map", to="bool", call=lambda one, other: _compare(one, other) > 0),),
    "isLessThan": (_of("map", "map", to="bool", call=lambda one, other: _compare(one, other) < 0),),
    "compareTo": (_of("map", "map", to="int", call=_compare),),
    "add": (
        _of("map", "map", to="map", call=lambda one, other: _combined(one, _amount(other), 1)),
        _of("map", "int", to="map", call=lambda one, other: _combined(one, Decimal(other), 1)),
    ),
    "sub": (
        _of("map", "map", to="map", call=lambda one, other: _combined(one, _amount(other), -1)),
        _of("map", "int", to="map", call=lambda one, other: _combined(one, Decimal(other), -1)),
    ),
    "url": (_plain("string", "map", _url),),
    "isURL": (_plain("string", "bool", _is_url),),
    "getScheme": (_of("map", to="string", call=_part(lambda parts: parts.scheme)),),
    "getHost": (_of("map", to="string", call=_part(lambda parts: parts.netloc.rpartition("@")[2])),),
    "getHostname": (_of("map", to="string", call=_part(lambda parts: parts.hostname or "")),),
    "getPort": (_of("map", to="string", call=_part(lambda parts: str(parts.port or ""))),),
    "getEscapedPath": (_of("map", to="string", call=_part(lambda parts: parts.path)),),
    "getQuery": (
        _of("map", to="map", call=_part(lambda parts: parse_qs(parts.query, keep_blank_values=True))),
    ),
    "ip": (
        _plain("string", "map", _ip),
        _of("map", to="map", call=lambda block: {"ip": block["cidr"].partition("/")[0]}),
    ),
    "isIP": (_plain("string", "bool", lambda text: formats.address(text) is not None),),
    "ip.isCanonical": (_plain("string", "bool", _is_canonical),),
    "family": (_of("map", to="int", call=lambda value: _address(value).version),),
    "isUnspecified": (_of("map", to="bool", call=lambda value: _address(value).is_unspecified),),
    "isLoopback": (_of("map", to="bool", call=lambda value: _address(value).is_loopback),),
    "isLinkLocalUnicast": (_of("map", to="bool", call=lambda value: _address(value).is_link_local),),
    "isLinkLocalMulticast": (
        _of(
            "map",
            to="bool",
            call=lambda value: (
                formats.address(value["ip"]) in formats.network("224.0.0.0/24")  # type: ignore[operator]
                if _address(value).version == 4
                else str(_address(value)).startswith("ff02")
            ),
        ),
    ),
    "isGlobalUnicast": (_of("map", to="bool", call=_global_unicast),),
    "cidr": (_plain("string", "map", _cidr),),
    "isCIDR": (_plain("string", "bool", lambda text: formats.network(text) is not None),),
    "containsIP": (
        _of("map", "map", to="bool", call=_contains_ip),
        _of("map", "string", to="bool", call=_contains_ip),
    ),
    "containsCIDR": (
        _of("map", "map", to="bool", call=_contains_cidr),
        _of("map", "string", to="bool", call=_contains_cidr),
    ),
    "masked": (_of("map", to="map", call=lambda value: {"cidr": str(_network(value))}),),
    "prefixLength": (_of("map", to="int", call=lambda value: _network(value).prefixlen),),
}
"""By name, as CEL spells it."""
