"""JSONPath as Kubernetes has it in CRDs: ``.spec.x``, ``['a.b']``, ``[0]``, ``[*]``, ``[1:3]``, ``[?(@.x=="y")]``, ``..x``.

Source: the Kubernetes documentation of kubectl's JSONPath support.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Step = Callable[[Iterable[Any]], Iterator[Any]]
_NAME = re.compile(r"(?:[^\s.\[\]{}()'\"\\]|\\.)+")
_FILTER = re.compile(r"\?\(\s*@(?P<path>[^=!<>]*?)\s*(?:(?P<op>==|!=|<=|>=|<|>)\s*(?P<value>.+?))?\s*\)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda one, other: bool(one == other),
    "!=": lambda one, other: bool(one != other),
    "<": lambda one, other: bool(one < other),
    "<=": lambda one, other: bool(one <= other),
    ">": lambda one, other: bool(one > other),
    ">=": lambda one, other: bool(one >= other),
}


class PathInvalid(ValueError):
    """The text is no JSONPath that Kubernetes reads."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A parsed path.

    fields: its names where it is only names (``.spec.replicas``); else empty.
    """

    text: str
    steps: tuple[Step, ...]
    fields: tuple[str, ...]

    def find(self, obj: Any) -> list[Any]:
        """All values at the path; empty where it leads nowhere."""
        values: Iterable[Any] = (obj,)
        for step in self.steps:
            values = step(values)
        return list(values)

    def first(self, obj: Any) -> Any:
        """The first value at the path, else None."""
        return next(iter(self.find(obj)), None)


def parse(text: str) -> JsonPath:
    """A path with or without its braces. Raises PathInvalid."""
    body = text.strip()
    if body.startswith("{") and body.endswith("}"):
        body = body[1:-1].strip()
    body = body.removeprefix("$")
    if body == ".":
        return JsonPath(text, (), ())
    steps: list[Step] = []
    fields: list[str] | None = []
    at = 0
    while at < len(body):
        if body.startswith("..", at):
            name, at = _name(body, at + 2)
            steps.append(_deep(name))
            fields = None
        elif body[at] == ".":
            name, at = _name(body, at + 1)
            if not name:
                continue
            steps.append(_all if name == "*" else _child(name))
            fields = [*fields, name] if fields is not None and name != "*" else None
        elif body[at] == "[":
            end = _closing(body, at)
            step, field = _bracket(body[at + 1 : end].strip())
            steps.append(step)
            fields = [*fields, field] if fields is not None and field is not None else None
            at = end + 1
        elif at == 0 and _NAME.match(body):
            name, at = _name(body, 0)
            steps.append(_child(name))
            fields = [name]
        else:
            raise PathInvalid(f"unrecognized character in action: {body[at]!r}")
    return JsonPath(text, tuple(steps), tuple(fields or ()))


def _name(body: str, at: int) -> tuple[str, int]:
    match = _NAME.match(body, at)
    if match is None:
        if at < len(body) and body[at] == "[":  # ``.[0]``
            return "", at
        raise PathInvalid("unexpected end of path" if at >= len(body) else f"unexpected {body[at]!r}")
    return re.sub(r"\\(.)", r"\1", match.group()), match.end()


def _closing(body: str, at: int) -> int:
    quote, depth = "", 0
    for index in range(at, len(body)):
        letter = body[index]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[(":
            depth += 1
        elif letter in "])":
            depth -= 1
            if depth == 0:
                return index
    raise PathInvalid("unterminated array")


def _bracket(inner: str) -> tuple[Step, str | None]:
    """The step, and its name where it is one field."""
    if inner == "*":
        return _all, None
    if len(inner) > 1 and inner[0] in "'\"" and inner[-1] == inner[0]:
        return _child(inner[1:-1]), inner[1:-1]
    if inner.startswith("?"):
        return _filter(inner), None
    try:
        if ":" in inner:
            bounds = [int(part) if part.strip() else None for part in inner.split(":")]
            return _slice(slice(*bounds)), None
        return _index([int(part) for part in inner.split(",")]), None
    except (ValueError, TypeError):
        raise PathInvalid(f"invalid array index {inner}") from None


def _filter(inner: str) -> Step:
    match = _FILTER.fullmatch(inner)
    if match is None:
        raise PathInvalid(f"unrecognized filter {inner}")
    path, operator, given = parse(match["path"]), match["op"], match["value"]
    value = _literal(given) if given is not None else None

    def keeps(item: Any) -> bool:
        found = path.find(item)
        if operator is None or not found:
            return bool(found)
        try:
            return _COMPARE[operator](found[0], value)
        except TypeError:
            return False

    return lambda values: (item for value in values for item in _children(value) if keeps(item))


def _literal(text: str) -> Any:
    if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise PathInvalid(f"unrecognized value {text}") from None


def _child(name: str) -> Step:
    return lambda values: (value[name] for value in values if isinstance(value, Mapping) and name in value)


def _index(numbers: list[int]) -> Step:
    return lambda values: (
        value[number]
        for value in values
        if isinstance(value, list)
        for number in numbers
        if -len(value) <= number < len(value)
    )


def _slice(bounds: slice) -> Step:
    return lambda values: (item for value in values if isinstance(value, list) for item in value[bounds])


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _all(values: Iterable[Any]) -> Iterator[Any]:
    return (item for value in values for item in _children(value))


def _deep(name: str) -> Step:
    def found(value: Any) -> Iterator[Any]:
        if isinstance(value, Mapping) and name in value:
            yield value[name]
        for child in _children(value):
            yield from found(child)

    return lambda values: (item for value in values for item in found(value))
