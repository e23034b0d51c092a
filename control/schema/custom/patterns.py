"""Regular expressions of CRDs, which are Go's (RE2), for Python.

Python's own engine takes most of them as they are. What it reads otherwise or not at all, and what could keep it
busy for ever (a repeated group of repetitions), goes to RE2 itself, which comes with the CEL library.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from control.schema.custom import cel

_CLASS = re.compile(r"(?:\\.|[^\\\[])|(\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])", re.DOTALL)
_FOREIGN = re.compile(r"\\[pPzQEC]|\(\?[a-zA-Z]*-|\(\?P?<[^=!]|\(\?[a-zA-Z]+\)")
_FOREIGN_CLASS = re.compile(r"\[:|\\[pPQE]|&&|--|~~|\|\|")
_PYTHON_ONLY = re.compile(r"\(\?(=|!|<=|<!|#|P=|\()|\\[1-9]|(?<!\\)[*+?}]\+")
_PROPERTY = re.compile(r"\\[pP]\{\w+\}|\\x\{[0-9a-fA-F]+\}")
_NESTED = re.compile(r"[*+}]\??\)[*+{]")


class PatternInvalid(ValueError):
    """Not a regular expression, in the words of the engine."""


@lru_cache(maxsize=4096)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Does the pattern occur in a text? Raises PatternInvalid."""
    classes = [match[1] for match in _CLASS.finditer(pattern) if match[1]]
    bare = _CLASS.sub(lambda match: "c" if match[1] else match[0], pattern)
    if _PYTHON_ONLY.search(_PROPERTY.sub("c", bare)):
        raise PatternInvalid(f"error parsing regexp: invalid or unsupported Perl syntax: `{pattern}`")
    foreign = _FOREIGN.search(bare) or any(map(_FOREIGN_CLASS.search, classes))
    if foreign or _NESTED.search(bare):
        return _by_re2(pattern)
    try:
        compiled = re.compile(_end_of_text(pattern), re.ASCII)
    except re.error:
        return _by_re2(pattern)
    return lambda text: compiled.search(text) is not None


def _end_of_text(pattern: str) -> str:
    r"""``$`` is the end of the text, not the place before a last newline: ``\Z``."""
    out, escaped, in_class = [], False, False
    for letter in pattern:
        plain = not escaped
        escaped = letter == "\\" and plain
        if plain and letter in "[]":
            in_class = letter == "["
        out.append(r"\Z" if letter == "$" and plain and not in_class else letter)
    return "".join(out)


def _by_re2(pattern: str) -> Callable[[str], bool]:
    program = cel.compile_rule("self.matches(oldSelf)", cel.TEXT)
    try:
        program.evaluate({"self": "", "oldSelf": pattern})
    except cel.CelFailed as error:
        raise PatternInvalid(str(error)) from error
    return lambda text: program.evaluate({"self": text, "oldSelf": pattern}) is True
