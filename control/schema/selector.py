"""Label selectors: the query parameter's language, and the JSON form of specs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control.errors import BadRequest
from control.schema import formats

_TOKEN = re.compile(r"\s*(!=|==|=|!|\(|\)|,|<|>|[^\s=!(),<>]+)\s*")
_SYMBOLS = frozenset(("!=", "==", "=", "!", "(", ")", ",", "<", ">"))


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label. operator: In, NotIn, Exists, DoesNotExist, Gt, Lt."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Is it met? NotIn is met by a label that is not there."""
        value = labels.get(self.key)
        if self.operator == "In":
            return value in self.values
        if self.operator == "NotIn":
            return value not in self.values
        if self.operator == "Exists":
            return value is not None
        if self.operator == "DoesNotExist":
            return value is None
        if value is None:
            return False
        try:
            have, want = int(value), int(next(iter(self.values)))
        except ValueError:
            return False
        return have > want if self.operator == "Gt" else have < want


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A conjunction of requirements on labels."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False
    """Matches no labels at all (a missing selector in a spec)."""

    @staticmethod
    def parse(text: str) -> "LabelSelector":
        """From a query parameter. Raises BadRequest."""
        try:
            return LabelSelector(tuple(_Parser(text).requirements()))
        except ValueError as error:
            raise BadRequest(f"unable to parse requirement: {error}") from None

    @staticmethod
    def from_json(selector: Mapping[str, Any] | None) -> "LabelSelector":
        """From ``{matchLabels, matchExpressions}``; None matches nothing, ``{}`` everything."""
        if selector is None:
            return LabelSelector(nothing=True)
        found = [Requirement(key, "In", frozenset((value,))) for key, value in _labels(selector)]
        found += [
            Requirement(item["key"], item["operator"], frozenset(item.get("values") or ()))
            for item in selector.get("matchExpressions") or ()
        ]
        return LabelSelector(tuple(found))

    @staticmethod
    def from_labels(labels: Mapping[str, str] | None) -> "LabelSelector":
        """From a plain map (a Service's selector); None or empty matches nothing."""
        if not labels:
            return LabelSelector(nothing=True)
        return LabelSelector.from_json({"matchLabels": labels})

    @property
    def everything(self) -> bool:
        """Does it match all labels?"""
        return not self.requirements and not self.nothing

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Do these labels meet every requirement?"""
        if self.nothing:
            return False
        have = labels or {}
        return all(requirement.matches(have) for requirement in self.requirements)


def _labels(selector: Mapping[str, Any]) -> list[tuple[str, str]]:
    return sorted((selector.get("matchLabels") or {}).items())


class _Parser:
    """Recursive descent over ``key``, ``!key``, ``key=v``, ``key!=v``, ``key in (a,b)``, ``key > 5``."""

    def __init__(self, text: str) -> None:
        self._words = _TOKEN.findall(text)
        self._at = 0

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        word = self._peek()
        self._at += 1
        return word

    def requirements(self) -> list[Requirement]:
        """All of them; separated by commas."""
        found: list[Requirement] = []
        while self._peek():
            found.append(self._requirement())
            after = self._next()
            if not after:
                break
            if after != ",":
                raise ValueError(f"found '{after}', expected: ',' or 'end of string'")
            if not self._peek():
                raise ValueError("found '', expected: identifier after ','")
        return found

    def _requirement(self) -> Requirement:
        if self._peek() == "!":
            self._next()
            return Requirement(self._key(), "DoesNotExist")
        key = self._key()
        operator = self._peek()
        if operator in ("", ","):
            return Requirement(key, "Exists")
        self._next()
        if operator in ("=", "==", "!="):
            value = self._value()
            return Requirement(key, "NotIn" if operator == "!=" else "In", frozenset((value,)))
        if operator in ("<", ">"):
            value = self._value()
            if not value.lstrip("-").isdigit():
                raise ValueError(f"for 'Gt', 'Lt' operators, the value must be an integer: {value!r}")
            return Requirement(key, "Gt" if operator == ">" else "Lt", frozenset((value,)))
        if operator in ("in", "notin"):
            return Requirement(key, "In" if operator == "in" else "NotIn", self._values())
        raise ValueError(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")

    def _key(self) -> str:
        key = self._next()
        if not key or key in _SYMBOLS:
            raise ValueError(f"found '{key}', expected: !, identifier, or 'end of string'")
        wrong = formats.qualified_name(key)
        if wrong:
            raise ValueError(f'<nil>: Invalid value: "{key}": {"; ".join(wrong)}')
        return str(key)

    def _value(self) -> str:
        """May be empty: ``key=``."""
        word = self._peek()
        if word in ("", ","):
            return ""
        if word in _SYMBOLS:
            raise ValueError(f"found '{word}', expected: identifier")
        self._next()
        return _checked(word)

    def _values(self) -> frozenset[str]:
        if self._next() != "(":
            raise ValueError("found '', expected: '('")
        values: set[str] = set()
        expect_value = True
        while True:
            word = self._next()
            if word == ")":
                if expect_value:
                    values.add("")
                return frozenset(values)
            if word == ",":
                if expect_value:
                    values.add("")
                expect_value = True
            elif not word or word in _SYMBOLS or not expect_value:
                raise ValueError(f"found '{word}', expected: ',', or ')'")
            else:
                values.add(_checked(word))
                expect_value = False


def _checked(value: str) -> str:
    wrong = formats.label_value(value)
    if wrong:
        raise ValueError(f'values[0]: Invalid value: "{value}": {"; ".join(wrong)}')
    return value
