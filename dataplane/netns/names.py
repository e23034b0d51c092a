"""Names of a lab's namespaces: ``podwire-<lab>-<place>``, built here and parsed back."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path("/run/netns")
PREFIX = "podwire-"
FABRIC = "fabric"
INTERNET = "internet"
LAB_NAME = re.compile(r"[a-z][a-z0-9]{0,11}")
LONGEST = 255  # bytes of a file's name (NAME_MAX)


@dataclass(frozen=True, slots=True)
class NamespaceName:
    """One place of one lab.

    lab: no hyphen in it, so that no lab's sweep can match another's.
    place: ``fabric``, ``internet``, a node's name, or ``pod-…``.

    >>> str(NamespaceName("lab", "node-1")), lab_of("podwire-lab-node-1")
    ('podwire-lab-node-1', 'lab')
    """

    lab: str
    place: str

    def __post_init__(self) -> None:
        if not LAB_NAME.fullmatch(self.lab):
            raise ValueError(f"a lab's name is {LAB_NAME.pattern}, not {self.lab!r}")
        if not self.place or "/" in self.place or "\0" in self.place:
            raise ValueError(f"a place is one part of a path, not {self.place!r}")

    def __str__(self) -> str:
        return _fitted(f"{PREFIX}{self.lab}-{self.place}")

    @classmethod
    def of_pod(cls, lab: str, namespace: str, pod: str, uid: str) -> "NamespaceName":
        """The namespace of a pod: its names for the eye, eight hex digits of its uid to be unique."""
        unique = hashlib.sha256(uid.encode()).hexdigest()[:8]
        room = LONGEST - len(f"{PREFIX}{lab}-pod--{unique}")
        return cls(lab, f"pod-{f'{namespace}-{pod}'[:room]}-{unique}")

    @property
    def path(self) -> Path:
        """Where the namespace is bound, for ``ip netns`` and for us."""
        return path(str(self))


def path(name: str) -> Path:
    """The bind mount of a namespace."""
    return DIRECTORY / name


def lab_of(name: str) -> str | None:
    """The lab that a namespace belongs to; None for one that is not podwire's."""
    if not name.startswith(PREFIX):
        return None
    lab, hyphen, place = name.removeprefix(PREFIX).partition("-")
    return lab if hyphen and place and LAB_NAME.fullmatch(lab) else None


def place_of(name: str) -> str | None:
    """``node-1`` of ``podwire-lab-node-1``; None for a name that is not podwire's."""
    lab = lab_of(name)
    return None if lab is None else name.removeprefix(f"{PREFIX}{lab}-")


def _fitted(name: str) -> str:
    """The name itself, or its start and a digest where it is too long for a file's name."""
    if len(name.encode()) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: LONGEST - 9].decode(errors='ignore')}-{digest}"
