"""What a command prints: tables for eyes, JSON or YAML for programs."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import click


def emit(document: Any, form: str) -> None:
    """Print a document as json or yaml."""
    if form == "yaml":
        import yaml

        click.echo(yaml.safe_dump(document, sort_keys=False), nl=False)
    else:
        click.echo(json.dumps(document, indent=2))


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, indent: int = 2) -> str:
    """Columns as wide as their widest cell, three spaces apart, header in capitals."""
    cells = [[name.upper() for name in header], *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return "\n".join(" " * indent + line.rstrip() for line in lines)


def bytes_text(count: int) -> str:
    """``8 MB``; nothing for nothing."""
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB" if count else "-"


class Progress:
    """Steps on standard error: live when it is a terminal, a line a step otherwise; silent when asked."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty()

    def doing(self, what: str) -> None:
        """A step begins (shown on a terminal only)."""
        if self._live and not self._quiet:
            click.echo(f"\r\x1b[K  {what} …", nl=False, err=True)

    def done(self, what: str, result: str, seconds: float) -> None:
        """A step ended: what, what came of it, how long it took."""
        if self._quiet:
            return
        clear = "\r\x1b[K" if self._live else ""
        click.echo(f"{clear}  {what} {'.' * max(3, 52 - len(what))} {result:<4} {seconds:.2f} s", err=True)

    def note(self, text: str) -> None:
        """A line beside the steps."""
        if not self._quiet:
            click.echo(f"{chr(13) + chr(27) + '[K' if self._live else ''}{text}", err=True)
