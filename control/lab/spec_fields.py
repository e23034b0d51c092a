"""Reads one mapping of lab.yaml field by field, with errors that name the field and the mend."""

import re
from difflib import get_close_matches
from ipaddress import ip_network
from typing import Any, overload

from control.errors import SpecInvalid
from dataplane.model.address import IPNetwork

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Fields:
    """A mapping of the file, and where in the file it stands."""

    def __init__(self, source: str, where: str, mapping: Any) -> None:
        self.source, self.where = source, where
        if not isinstance(mapping, dict):
            at = where or "the file"
            raise SpecInvalid(
                f"{source}: {at}: expected fields (name: value), got {mapping!r}.", "see docs/lab.md"
            )
        self.mapping: dict[Any, Any] = mapping

    def path(self, key: str) -> str:
        """``cidrs.pods`` for key ``pods`` inside ``cidrs``."""
        return f"{self.where}.{key}" if self.where else key

    def wrong(self, key: str, why: str, mend: str) -> SpecInvalid:
        """The error for a field."""
        return SpecInvalid(f"{self.source}: {self.path(key)}: {why}.", mend)

    def only(self, *known: str) -> None:
        """Refuse every field that is not known, with the nearest known name."""
        for key in self.mapping:
            if key not in known:
                near = get_close_matches(str(key), known, 1)
                mend = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
                raise self.wrong(str(key), "unknown field", mend)

    def has(self, key: str) -> bool:
        """Is the field there, and not null?"""
        return self.mapping.get(key) is not None

    def sub(self, key: str) -> "Fields":
        """The mapping in a field; empty when the field is missing."""
        value = self.mapping.get(key)
        return Fields(self.source, self.path(key), {} if value is None else value)

    def list(self, key: str) -> "list[Fields]":
        """The mappings in a list field."""
        value = self.mapping.get(key)
        if not isinstance(value, list) or not value:
            raise self.wrong(key, "expected a list with at least one entry", f"{key}: [{{name: …}}]")
        return [Fields(self.source, self.path(f"{key}[{n}]"), entry) for n, entry in enumerate(value)]

    def text(self, key: str, default: str | None, form: re.Pattern[str] | None = None) -> str:
        """A string field; required when default is None."""
        value = self.mapping.get(key, default)
        if value is None:
            raise self.wrong(key, "is required", f"{key}: …")
        if not isinstance(value, str):
            raise self.wrong(key, f"expected text, got {value!r}", f'{key}: "{value}"')
        if form and not form.fullmatch(value):
            raise self.wrong(key, f"{value!r} is not a valid name", "small letters, digits and hyphens")
        return value

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        """One of a few words."""
        value = self.mapping.get(key, default)
        if value not in choices:
            raise self.wrong(key, f"{value!r} is not one of {', '.join(choices)}", f"{key}: {choices[0]}")
        return str(value)

    def integer(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number between two bounds."""
        value = self.mapping.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(key, f"expected a whole number, got {value!r}", f"{key}: {default}")
        if not least <= value <= most:
            raise self.wrong(key, f"{value} is not between {least} and {most}", f"{key}: {default}")
        return value

    @overload
    def boolean(self, key: str, default: bool) -> bool: ...  # noqa: FBT001 (a default)
    @overload
    def boolean(self, key: str, default: None) -> bool | None: ...
    def boolean(self, key: str, default: bool | None) -> bool | None:  # noqa: FBT001 (a default, not a switch)
        """true or false."""
        value = self.mapping.get(key, default)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(key, f"expected true or false, got {value!r}", f"{key}: true")
        return value

    def string_map(self, key: str) -> dict[str, str]:
        """A mapping of text to text."""
        entries = self.sub(key)
        for name, value in entries.mapping.items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise entries.wrong(str(name), f"expected text, got {value!r}", f'{name}: "{value}"')
        return dict(entries.mapping)

    def network(self, key: str, default: IPNetwork, *, version: int) -> IPNetwork:
        """A CIDR of one family, without host bits."""
        value = self.mapping.get(key)
        if value is None:
            return default
        try:
            network = ip_network(value)
        except ValueError as error:
            raise self.wrong(key, f"{value!r} is not a CIDR ({error})", f"{key}: {default}") from error
        if network.version != version:
            raise self.wrong(key, f"{value} is not IPv{version}", f"{key}: {default}")
        return network

    def seconds(self, key: str, default: float) -> float:
        """A duration: ``40s``, ``1m``, ``500ms``, or a number of seconds."""
        value = self.mapping.get(key)
        if value is None:
            return default
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return float(value)
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", str(value))
        if not match or float(match[1]) == 0:
            raise self.wrong(key, f"{value!r} is not a time", f"{key}: {default:g}s")
        return float(match[1]) * _UNITS[match[2]]
