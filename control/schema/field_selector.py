"""Field selectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control.schema.resource import ResourceRow


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """A conjunction of = and != on the few fields that a kind supports."""

    @staticmethod
    def parse(row: ResourceRow, text: str) -> "FieldSelector":
        """From a query parameter. Raises BadRequest for a field that the kind does not support."""
        raise NotImplementedError

    def matches(self, obj: Mapping[str, Any]) -> bool:
        """Does the object meet every requirement?"""
        raise NotImplementedError


def selectable_fields(row: ResourceRow, obj: Mapping[str, Any]) -> dict[str, str]:
    """The values that selectors of this kind may ask for."""
    raise NotImplementedError
