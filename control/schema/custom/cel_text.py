"""CEL's functions of texts: the string extension, and Kubernetes' ``find`` and ``findAll``.

Source: CEL's string extension library, and the Kubernetes documentation of CEL.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from control.schema.custom.patterns import every, first

_UPPER = {ord(chr(code)): ord(chr(code - 32)) for code in range(ord("a"), ord("z") + 1)}
_LOWER = {upper: lower for lower, upper in _UPPER.items()}
TEXT_MOST: Final = 8 << 20
"""What a function may make of texts: no rule takes all the memory there is. Upstream stops such rules by their cost."""
_DIGITS_WRITTEN: Final = 2
"""A precision is at most 99."""
_VERB = re.compile(r"%(?:(%)|(?:\.(\d+))?([a-zA-Z]))")


def _find(text: str, pattern: str) -> str:
    return first(pattern, text) or ""


def _find_all(text: str, pattern: str, most: int = -1) -> list[str]:
    found = every(pattern, text)
    return found if most < 0 else found[:most]


def _char_at(text: str, at: int) -> str:
    if not 0 <= at <= len(text):
        raise ValueError(f"index out of range: {at}")
    return text[at : at + 1]


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if not 0 <= start <= stop <= len(text):
        raise ValueError(f"index out of range: {start if not 0 <= start <= len(text) else stop}")
    return text[start:stop]


def _index_of(text: str, part: str, start: int = 0) -> int:
    if not 0 <= start <= max(len(text), 0):
        raise ValueError(f"index out of range: {start}")
    return text.find(part, start)


def _last_index_of(text: str, part: str, end: int | None = None) -> int:
    return text.rfind(part) if end is None else text.rfind(part, 0, end + len(part))


def _split(text: str, between: str, most: int = -1) -> list[str]:
    if most == 0:
        return []
    if not between:
        letters = list(text)
        return letters if most < 0 or most >= len(letters) else [*letters[: most - 1], text[most - 1 :]]
    return text.split(between, most - 1 if most > 0 else -1)


def _replace(text: str, old: str, new: str, most: int = -1) -> str:
    places = text.count(old) if most < 0 else min(most, text.count(old))
    if len(text) + places * (len(new) - len(old)) > TEXT_MOST:
        raise ValueError(f"the text would be longer than {TEXT_MOST} characters")
    return text.replace(old, new, most)


def quoted(text: str) -> str:
    """``strings.quote``: in double quotes, with escapes."""
    escapes = {
        '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r",
        "\t": "\\t", "\v": "\\v",
    }  # fmt: skip
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'


def _format(form: str, values: list[Any]) -> str:
    """``'%s is %d'.format([…])``."""
    left = list(values)

    def one(match: re.Match[str]) -> str:
        if match[1]:
            return "%"
        if not left:
            raise ValueError(f"index {len(values)} out of range")
        value, digits, verb = left.pop(0), match[2], match[3]
        if digits and len(digits) > _DIGITS_WRITTEN:
            raise ValueError(f"could not parse formatting clause: a precision of {digits}")
        match verb:
            case "s":
                return _text(value)
            case "d":
                return str(int(value))
            case "f":
                return f"{float(value):.{digits or 6}f}"
            case "e":
                return f"{float(value):.{digits or 6}e}"
            case "b":
                return f"{int(value):b}"
            case "o":
                return f"{int(value):o}"
            case "x" | "X":
                made = value.encode().hex() if isinstance(value, str) else f"{int(value):x}"
                return made.upper() if verb == "X" else made
        raise ValueError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')

    return _VERB.sub(one, form)


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_text(inner)}" for key, inner in sorted(value.items())) + "}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


MEMBERS: Final[Mapping[str, tuple[tuple[tuple[str, ...], str, Callable[..., Any]], ...]]] = {
    "find": ((("string", "string"), "string", _find),),
    "findAll": (
        (("string", "string"), "list(string)", _find_all),
        (("string", "string", "int"), "list(string)", _find_all),
    ),
    "charAt": ((("string", "int"), "string", _char_at),),
    "substring": (
        (("string", "int"), "string", _substring),
        (("string", "int", "int"), "string", _substring),
    ),
    "indexOf": (
        (("string", "string"), "int", _index_of),
        (("string", "string", "int"), "int", _index_of),
    ),
    "lastIndexOf": (
        (("string", "string"), "int", _last_index_of),
        (("string", "string", "int"), "int", _last_index_of),
    ),
    "split": (
        (("string", "string"), "list(string)", _split),
        (("string", "string", "int"), "list(string)", _split),
    ),
    "replace": (
        (("string", "string", "string"), "string", _replace),
        (("string", "string", "string", "int"), "string", _replace),
    ),
    "lowerAscii": ((("string",), "string", lambda text: text.translate(_LOWER)),),
    "upperAscii": ((("string",), "string", lambda text: text.translate(_UPPER)),),
    "trim": ((("string",), "string", str.strip),),
    "reverse": ((("string",), "string", lambda text: text[::-1]),),
    "format": ((("string", "list(dyn)"), "string", _format),),
}
"""Name → the ways to call it: types of the text and the arguments, type of the answer, function."""
