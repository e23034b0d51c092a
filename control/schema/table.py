"""kubectl's columns."""

from collections.abc import Iterable, Mapping
from typing import Any

from control.schema.resource import ResourceRow


def as_table(
    row: ResourceRow,
    objs: Iterable[Mapping[str, Any]],
    *,
    include: str = "Metadata",
    list_meta: Mapping[str, Any] | None = None,
    now: float | None = None,
) -> dict[str, Any]:
    """A meta.k8s.io/v1 Table. include: Metadata, Object or None; now: seconds since the epoch, for ages."""
    raise NotImplementedError
