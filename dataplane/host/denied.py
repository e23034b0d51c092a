"""Abilities that an environment variable denies: how a lab does on a machine without them, tried on one that has them.

``PODWIRE_NO_CGROUP2=1`` and its like. What was made under a denial keeps it: a lab's roles inherit the variable.
"""

import os
from enum import StrEnum


class Ability(StrEnum):
    """What can be denied, by the rest of the variable's name."""

    CGROUP2 = "CGROUP2"
    OVERLAYFS = "OVERLAYFS"
    BRIDGE_NETFILTER = "BRIDGE_NETFILTER"
    IPV6 = "IPV6"

    @property
    def variable(self) -> str:
        """``PODWIRE_NO_IPV6``."""
        return f"PODWIRE_NO_{self.value}"


def is_denied(ability: Ability) -> bool:
    """Whether the environment says that this machine lacks it."""
    return os.environ.get(ability.variable, "") not in {"", "0"}


def why_missing(ability: Ability, otherwise: str) -> str:
    """For a sentence: the variable when it is to blame."""
    return f"{ability.variable} is set" if is_denied(ability) else otherwise
