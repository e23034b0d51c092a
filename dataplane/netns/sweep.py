"""A lab found and removed from the kernel's state alone, with no other memory."""

import os
from contextlib import suppress
from dataclasses import dataclass

from dataplane.netns import create, names

BATCH = 256  # descriptors held at a time


@dataclass(frozen=True, slots=True)
class Swept:
    """What was removed: the namespaces' names, sorted."""

    namespaces: tuple[str, ...]


def of_lab(lab: str) -> tuple[str, ...]:
    """Names of a lab's namespaces, sorted."""
    return tuple(name for name in create.listing() if names.lab_of(name) == lab)


def labs() -> tuple[str, ...]:
    """Labs of which the kernel still has a namespace, sorted."""
    return tuple(sorted({lab for name in create.listing() if (lab := names.lab_of(name))}))


def sweep(lab: str) -> Swept:
    """Remove all of a lab's namespaces, and with them their links. Kill the lab's processes first.

    Nothing is deleted link by link (11 s for 500 pods): a namespace takes its links with it. Descriptors are
    held until a batch of names is gone and then closed together, because the kernel tears down in one go
    all namespaces that it finds on its list.
    """
    found = of_lab(lab)
    for start in range(0, len(found), BATCH):
        pins: list[int] = []
        try:
            for name in found[start : start + BATCH]:
                with suppress(FileNotFoundError):
                    pins.append(os.open(names.path(name), os.O_RDONLY | os.O_CLOEXEC))
                create.delete(name)
        finally:
            for pin in pins:
                os.close(pin)
    return Swept(found)
