"""Which objects a list, watch or deletecollection is about: label and field selectors on stored attributes."""

from collections.abc import Mapping
from dataclasses import dataclass

from control.schema.field_selector import FieldSelector
from control.schema.resource import ResourceRow
from control.schema.selector import LabelSelector
from control.store.contract import Attributes


@dataclass(frozen=True, slots=True)
class Selection:
    """A conjunction of a namespace, labels and fields; None selects everything."""

    namespace: str = ""
    labels: LabelSelector | None = None
    fields: FieldSelector | None = None

    @staticmethod
    def parse(row: ResourceRow, namespace: str, query: Mapping[str, str]) -> "Selection":
        """From a request's parameters. Raises BadRequest."""
        labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
        return Selection(
            namespace,
            LabelSelector.parse(labels) if labels else None,
            FieldSelector.parse(row, fields) if fields else None,
        )

    @property
    def everything(self) -> bool:
        """Whether no object (of the namespace) is left out."""
        return self.labels is None and self.fields is None

    def matches(self, attributes: Attributes) -> bool:
        """Whether the object is selected, its namespace aside."""
        if self.labels is not None and not self.labels.matches(attributes.labels):
            return False
        return self.fields is None or self.fields.matches_fields(attributes.fields)
