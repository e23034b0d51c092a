"""Who a client certificate names: CN is the user, each O a group."""

from collections.abc import Iterable, Mapping
from typing import Any

from control.api.request import User

ALL_AUTHENTICATED = "system:authenticated"


def user_of(peer: Mapping[str, Any] | None) -> User | None:
    """The user of a verified certificate as the ssl module tells it; None without one.

    >>> user_of({"subject": ((("organizationName", "system:masters"),), (("commonName", "ann"),))}).name
    'ann'
    """
    if not peer:
        return None
    names: Iterable[tuple[str, str]] = [pair for rdn in peer.get("subject", ()) for pair in rdn]
    common = next((value for kind, value in names if kind == "commonName"), "")
    if not common:
        return None
    groups = tuple(value for kind, value in names if kind == "organizationName")
    return User(common, (*groups, ALL_AUTHENTICATED))
