"""The door to RE2 (google-re2): regular expressions of CRDs and of CEL, which are Go's.

Not Python's own engine: it reads some of them otherwise, and others keep it busy for ever; RE2 takes time in
proportion to the text, whatever the pattern. Loaded at the first pattern.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any


class PatternInvalid(ValueError):
    """Not a regular expression, in the words of the engine."""


def matcher(pattern: str) -> Callable[[str], bool]:
    """Does the pattern occur in a text? Raises PatternInvalid."""
    search = _compiled(pattern).search
    return lambda text: search(text) is not None


def first(pattern: str, text: str) -> str | None:
    """The leftmost place of a text that matches. Raises PatternInvalid."""
    found = _compiled(pattern).search(text)
    return found.group() if found is not None else None


def every(pattern: str, text: str) -> list[str]:
    """All places that match, from left to right, none within another. Raises PatternInvalid."""
    return [found.group() for found in _compiled(pattern).finditer(text)]


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:
    import re2

    try:
        return re2.compile(pattern, _options())
    except re2.error as error:
        (said,) = error.args
        why = said.decode(errors="replace") if isinstance(said, bytes) else said
        raise PatternInvalid(f"error parsing regexp: {why}") from None


@cache
def _options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False  # it would write to stderr by itself
    return options
