"""Defaults."""

from typing import Any

from control.schema.resource import ResourceRow


def apply_defaults(row: ResourceRow, obj: dict[str, Any]) -> None:
    """Fill in what upstream fills in on decoding, in place. Idempotent."""
    raise NotImplementedError
