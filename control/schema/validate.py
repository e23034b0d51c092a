"""Upstream's rules."""

from typing import Any

from control.errors import Cause
from control.schema.resource import ResourceRow


def validate_create(row: ResourceRow, obj: dict[str, Any]) -> list[Cause]:
    """What is wrong with a new, defaulted object; empty when it may be stored."""
    raise NotImplementedError


def validate_update(
    row: ResourceRow, new: dict[str, Any], old: dict[str, Any], subresource: str = ""
) -> list[Cause]:
    """What is wrong with replacing ``old`` by ``new`` (both defaulted, ``new`` prepared by strategy)."""
    raise NotImplementedError


def invalid_message(row: ResourceRow, name: str, causes: list[Cause]) -> str:
    """The Status message: ``Pod "x" is invalid: spec.containers: Required value``."""
    raise NotImplementedError
