"""Where in an object something is wrong, and whether an update left that place as it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control.errors import Cause
from control.schema.custom.structural import Node, key_of

Place = tuple[Any, str | int] | None
"""The place above and the step from there, as a chain; None is the object itself. Cheap to make on a hot path."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One cause, and its place."""

    at: Place
    cause: Cause


def steps_of(at: Place) -> list[str | int]:
    """The steps from the object to a place."""
    steps: list[str | int] = []
    while at is not None:
        at, step = at
        steps.append(step)
    return steps[::-1]


def text_of(at: Place) -> str:
    """A place as errors name it: ``spec.containers[0].image``."""
    text = ""
    for step in steps_of(at):
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def unchanged(at: Place, root: Node, new: Any, old: Any) -> bool:
    """Was what stands here (or what it stands in) the same before the update?

    Upstream lets such faults pass, so that a rule that came later blocks no unrelated change ("ratcheting"). An
    item of a list counts as the same one where the list is keyed.
    """
    node: Node | None = root
    for step in steps_of(at):
        if new == old:
            return True
        if isinstance(step, str):
            if not isinstance(new, Mapping) or not isinstance(old, Mapping) or step not in old:
                return False
            if step not in new:  # a required field that is missing: missing before, too?
                return False
            new, old = new[step], old[step]
            if node is not None:
                node = node.properties.get(step, node.additional)
        else:
            if node is None or not node.list_keys or not isinstance(new, list) or not isinstance(old, list):
                return False
            if step >= len(new):
                return False
            key = key_of(node, new[step])
            match = [item for item in old if key is not None and key_of(node, item) == key]
            if len(match) != 1:
                return False
            new, old = new[step], match[0]
            node = node.items
    return bool(new == old)
