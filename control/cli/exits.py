"""Errors as a person reads them, and exit codes: 0 fine, 1 falls short, 2 bad use."""

import os
import shlex
import sys
import textwrap

from control.errors import ApiError, NeedsRoot, PersonError
from dataplane.errors import KernelError


def tell(error: PersonError | KernelError | ApiError) -> int:
    """Print an error with its identity, cause, mend and page on standard error; the exit code."""
    if isinstance(error, PersonError):
        print_error(error.id, error.what, error.mend)
        return error.exit_code
    if isinstance(error, KernelError):
        print_error(error.id, str(error), error.mend)
        return error.exit_code
    print_error("PW-A01", f"The API answered {error.code} {error.reason}: {error.message}", "")
    return 1


def print_error(identity: str, what: str, mend: str) -> None:
    """The one form of an error on a terminal."""
    width = 110
    indent = " " * (len(identity) + 2)
    lines = [
        piece
        for line in what.splitlines()
        for piece in textwrap.wrap(line, width - len(indent), break_long_words=False, break_on_hyphens=False)
    ]
    text = f"{identity}  " + f"\n{indent}".join(lines)
    if mend:
        text += f"\n{indent}try   {mend}"
    if identity:
        text += f"\n{indent}why   docs/errors.md#{identity.lower()}"
    print(text, file=sys.stderr)  # noqa: T201 (this is the terminal)


def require_root(why: str) -> None:
    """NeedsRoot with the same line and sudo in front, unless root is asking."""
    if os.geteuid() != 0:
        line = shlex.join(["sudo", "podwire", *sys.argv[1:]])
        raise NeedsRoot(f"{why} needs root.", line)
