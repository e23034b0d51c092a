"""Kubernetes quantities: ``500m``, ``1.5Gi``, ``1e3``."""

import re
from decimal import ROUND_CEILING, Context, Decimal
from functools import lru_cache
from typing import Any

_FORM = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_NANO = Decimal("1e-9")
_DIGITS_MOST, _EXPONENT_MOST = 64, 64
"""Bounds of what is taken: beyond them a few letters of input would cost the memory of their zeros."""
_EXACT = Context(prec=2 * (_DIGITS_MOST + _EXPONENT_MOST))

REFUSED = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


class QuantityInvalid(ValueError):
    """Not a quantity; the text is upstream's."""


@lru_cache(maxsize=4096)
def parse(text: str | float) -> Decimal:
    """Exact value; below a nano it is rounded up, as upstream. Raises QuantityInvalid."""
    match = _FORM.fullmatch(str(text))
    if match is None:
        raise QuantityInvalid(REFUSED)
    sign, digits, suffix = match.group(1), match.group(2), match.group(3) or ""
    if len(digits) > _DIGITS_MOST or len(suffix) > len("e-64"):
        raise QuantityInvalid(REFUSED)
    value = Decimal(digits)
    if suffix in _BINARY:
        value = _EXACT.multiply(value, Decimal(1024 ** _BINARY[suffix]))
    else:
        power = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
        if abs(power) > _EXPONENT_MOST:
            raise QuantityInvalid(REFUSED)
        value = value.scaleb(power, _EXACT)
    if sign == "-":
        value = value.copy_negate()
    if _EXACT.remainder(value, _NANO):
        value = value.quantize(_NANO, rounding=ROUND_CEILING, context=_EXACT)
    return value


def is_quantity(value: Any) -> bool:
    """Would ``parse`` accept it?"""
    try:
        parse(value)
    except (QuantityInvalid, TypeError):
        return False
    return True


def compare(left: str | float, right: str | float) -> int:
    """-1, 0 or 1."""
    a, b = parse(left), parse(right)
    return (a > b) - (a < b)


def milli(text: str | float) -> int:
    """In thousandths, rounded up: the unit of CPU."""
    return int((parse(text) * 1000).to_integral_value(rounding=ROUND_CEILING))


def whole(text: str | float) -> int:
    """In ones, rounded up: bytes, pods."""
    return int(parse(text).to_integral_value(rounding=ROUND_CEILING))


def canonical(text: str | float) -> str:
    """As upstream writes it back: largest suffix without a fraction, in the family it was given in."""
    written = str(text)
    value = parse(text)
    if value == 0:
        return "0"
    match = _FORM.fullmatch(written)
    suffix = (match.group(3) or "") if match else ""
    if suffix in _BINARY and value == value.to_integral_value() and abs(value) >= 1024:
        return _binary(int(value))
    exponent = suffix[:1] in {"e", "E"} and len(suffix) > 1
    return _decimal(value, exponent=exponent)


def text(value: Decimal, *, binary: bool = False) -> str:
    """A computed amount as a quantity; ``binary`` in the family of Ki and Mi where it is a multiple of 1024.

    >>> text(Decimal("1.5")), text(Decimal(3 << 20), binary=True), text(Decimal(2000))
    ('1500m', '3Mi', '2k')
    """
    if binary and value and value % 1024 == 0:
        return _binary(int(value))
    return _decimal(value, exponent=False) if value else "0"


def _binary(value: int) -> str:
    for name, power in sorted(_BINARY.items(), key=lambda item: -item[1]):
        if value % 1024**power == 0:
            return f"{value // 1024**power}{name}"
    return str(value)


def _decimal(value: Decimal, *, exponent: bool) -> str:
    for name, power in sorted(_DECIMAL.items(), key=lambda item: -item[1]):
        scaled = value.scaleb(-power, _EXACT)
        if scaled == scaled.to_integral_value():
            if exponent:
                return f"{int(scaled)}e{power}" if power else str(int(scaled))
            return f"{int(scaled)}{name}"
    return str(value)


def format_milli(value: int) -> str:
    """A CPU quantity from thousandths: 1500 → ``1500m``, 2000 → ``2``."""
    return str(value // 1000) if value % 1000 == 0 else f"{value}m"
