"""The Accept header: JSON always, in the shape that is asked for (object, Table, metadata only). Pure."""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Shape(Enum):
    """How objects are wanted."""

    OBJECT = ""
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"
    METADATA_LIST = "PartialObjectMetadataList"
    DISCOVERY = "APIGroupDiscoveryList"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The first shape of an Accept header that we serve."""

    shape: Shape
    version: str = ""

    @property
    def metadata_only(self) -> bool:
        """Only the objects' metadata is wanted."""
        return self.shape in (Shape.METADATA, Shape.METADATA_LIST)


_PLAIN = Wanted(Shape.OBJECT)
_SERVED = {
    ("meta.k8s.io", "v1", "Table"),
    ("meta.k8s.io", "v1", "PartialObjectMetadata"),
    ("meta.k8s.io", "v1", "PartialObjectMetadataList"),
    ("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList"),
    ("apidiscovery.k8s.io", "v2beta1", "APIGroupDiscoveryList"),
}


@lru_cache(maxsize=256)
def wanted(accept: str) -> Wanted:
    """What an Accept header asks for. Protobuf is passed over: those who ask for it take JSON too.

    >>> wanted("application/json;as=Table;v=v1;g=meta.k8s.io,application/json").shape
    <Shape.TABLE: 'Table'>
    """
    for clause in accept.split(","):
        media, *params = (part.strip() for part in clause.split(";"))
        if media not in ("application/json", "*/*", "application/*"):
            continue
        options = dict(param.partition("=")[::2] for param in params)
        if "as" not in options:
            return _PLAIN
        asked = (options.get("g", ""), options.get("v", ""), options["as"])
        if asked in _SERVED:
            return Wanted(Shape(options["as"]), options["v"])
    return _PLAIN
