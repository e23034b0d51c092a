"""Label selectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A conjunction of requirements on labels."""

    @staticmethod
    def parse(text: str) -> "LabelSelector":
        """From a query parameter. Raises BadRequest."""
        raise NotImplementedError

    @staticmethod
    def from_json(selector: Mapping[str, Any] | None) -> "LabelSelector":
        """From ``{matchLabels, matchExpressions}``; None matches nothing, ``{}`` everything."""
        raise NotImplementedError

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Do these labels meet every requirement?"""
        raise NotImplementedError
