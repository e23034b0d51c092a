"""What admission looks at: one write before it is stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from control.api.request import ANONYMOUS, Json, User
from control.schema.resource import ResourceRow


class Operation(Enum):
    """The write's kind, as admission names it."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CONNECT = "CONNECT"


class FieldValidation(Enum):
    """What happens to fields that the kind does not have."""

    IGNORE = "Ignore"
    WARN = "Warn"
    STRICT = "Strict"


@dataclass(slots=True)
class WriteOptions:
    """How a write is to be carried out; ``warnings`` are for the answer's headers.

    applies: a server-side apply, which has written the managed fields itself.
    """

    user: User = ANONYMOUS
    manager: str = ""
    dry_run: bool = False
    validation: FieldValidation = FieldValidation.WARN
    force: bool = False
    applies: bool = False
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Attempt:
    """A write on its way to the store.

    new: None for DELETE; mutators change it in place. old: None for CREATE; read only.
    undo: what to do when the write fails after all (reservations that a mutator made).
    """

    row: ResourceRow
    operation: Operation
    namespace: str
    name: str
    options: WriteOptions
    new: Json | None = None
    old: Json | None = None
    subresource: str = ""
    undo: list[Callable[[], None]] = field(default_factory=list)

    @property
    def resource(self) -> str:
        """``group/plural``; the core group's is empty."""
        return f"{self.row.group}/{self.row.plural}"


class Plugin(Protocol):
    """One admission plug-in: refuses by raising an ApiError, or changes ``attempt.new``."""

    def admit(self, attempt: Attempt) -> None:
        """Look at one write."""
        ...


@dataclass(frozen=True, slots=True)
class Admission:
    """The plug-ins, in order: mutating ones before validation, validating ones after it."""

    mutating: Sequence[Plugin] = ()
    validating: Sequence[Plugin] = ()

    def mutate(self, attempt: Attempt) -> None:
        """Run the mutating plug-ins."""
        for plugin in self.mutating:
            plugin.admit(attempt)

    def validate(self, attempt: Attempt) -> None:
        """Run the validating plug-ins."""
        for plugin in self.validating:
            plugin.admit(attempt)
