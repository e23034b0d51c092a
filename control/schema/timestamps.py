"""Times and durations as Kubernetes writes them: RFC 3339 text, Go's duration text, ages for people."""

import re
from datetime import UTC, datetime, timedelta

_PLAIN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")


def from_epoch(seconds: int, nanos: int = 0, *, micro: bool = False) -> str:
    """RFC 3339 text in UTC; with ``micro`` six digits after the point."""
    when = _EPOCH + timedelta(seconds=seconds)
    text = when.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{nanos // 1000:06d}Z" if micro else f"{text}Z"


def epoch(text: str) -> float:
    """Seconds since the epoch. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()


def normal_time(text: str) -> str:
    """Time's canonical form: UTC, whole seconds. Raises ValueError with upstream's sentence."""
    if _PLAIN.fullmatch(text):
        _parse(text)
        return text
    return _parse(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def normal_micro_time(text: str) -> str:
    """MicroTime's canonical form: UTC, six digits. Raises ValueError."""
    return _parse(text, "2006-01-02T15:04:05.000000Z07:00").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _parse(text: str, layout: str = "2006-01-02T15:04:05Z07:00") -> datetime:
    if len(text) >= 20 and text[10] in "Tt":
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            if when.tzinfo is not None:
                return when
    raise ValueError(f'parsing time "{text}" as "{layout}": cannot parse "{text}" as "2006"')


def duration_text(nanos: int) -> str:
    """Go's text of a duration: ``1h0m0s``, ``1.5s``, ``0s``."""
    if nanos == 0:
        return "0s"
    sign, left = ("-", -nanos) if nanos < 0 else ("", nanos)
    if left < 10**9:
        for unit, size in (("ms", 10**6), ("µs", 10**3), ("ns", 1)):
            if left >= size:
                return f"{sign}{_fraction(left, size)}{unit}"
    minutes, rest = divmod(left, 60 * 10**9)
    text = f"{_fraction(rest, 10**9)}s"
    if minutes:
        text = f"{minutes % 60}m{text}"
    if minutes >= 60:
        text = f"{minutes // 60}h{text}"
    return sign + text


def _fraction(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    digits = str(rest).rjust(len(str(size)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def duration_nanos(text: str) -> int:
    """A Go duration in nanoseconds. Raises ValueError with Go's sentence."""
    body = text.removeprefix("-").removeprefix("+")
    if body == "0":
        return 0
    total, position = 0.0, 0
    for part in _PART.finditer(body):
        if part.start() != position:
            break
        total += float(part.group(1)) * _UNITS[part.group(2)]
        position = part.end()
    if not body or position != len(body):
        raise ValueError(f'time: invalid duration "{text}"')
    return int(-total if text.startswith("-") else total)


def human_age(seconds: float) -> str:
    """An age as kubectl prints it: ``5s``, ``2m10s``, ``3h5m``, ``2d4h``, ``12d``, ``2y30d``."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = whole // 3600
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(hours // 24, "d", hours % 24, "h")
    days = hours // 24
    if hours < 24 * 365 * 2:
        return f"{days}d"
    if hours < 24 * 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, unit: str, small: int, below: str) -> str:
    return f"{large}{unit}{small}{below}" if small else f"{large}{unit}"
