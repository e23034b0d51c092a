"""Ports as tests write them: ``8080``, ``"53/UDP"``, or a list of such."""

from collections.abc import Sequence

Ports = int | str | Sequence[int | str]


def ports_of(ports: Ports) -> list[tuple[int, str]]:
    """Numbers and protocols.

    >>> ports_of([8080, "53/UDP"])
    [(8080, 'TCP'), (53, 'UDP')]
    """
    listed = [ports] if isinstance(ports, int | str) else list(ports)
    pairs = (str(port).partition("/") for port in listed)
    return [(int(number), protocol or "TCP") for number, _, protocol in pairs]
