"""Structure of an object: types, unknown fields."""

from dataclasses import dataclass
from typing import Any

from control.schema.resource import ResourceRow


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with an object's structure."""

    unknown: tuple[str, ...] = ()
    """Paths of fields that the kind does not have (already pruned), in order."""
    errors: tuple[str, ...] = ()
    """Values of the wrong type, each a sentence of upstream's decoder."""

    def warnings(self) -> list[str]:
        """For the Warning header in fieldValidation=Warn."""
        return [f'unknown field "{path}"' for path in self.unknown]

    def refuse(self, *, strict: bool) -> None:
        """Raises BadRequest for a wrong type, and with ``strict`` for an unknown field."""


def check(row: ResourceRow, obj: dict[str, Any]) -> Findings:
    """Check ``obj`` against its kind; prunes unknown fields, nulls and empty optional values in place."""
    raise NotImplementedError


def check_message(name: str, obj: dict[str, Any]) -> Findings:
    """As ``check``, by a message's full name (bodies of subresources, options)."""
    raise NotImplementedError
