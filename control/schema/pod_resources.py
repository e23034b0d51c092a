"""What a pod asks for and may take at most, as exact amounts. Pure."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal

from control.schema import quantity

Amounts = dict[str, Decimal]
"""Resource name → amount, in its own unit (cores, bytes, ones)."""
Which = Literal["requests", "limits"]


def amounts(quantities: Mapping[str, Any] | None) -> Amounts:
    """Quantities as amounts."""
    return {name: quantity.parse(value) for name, value in (quantities or {}).items()}


def of_container(container: Mapping[str, Any], which: Which) -> Amounts:
    """A container's requests or limits."""
    return amounts((container.get("resources") or {}).get(which))


def containers(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Containers and init containers, each with the word that messages call it."""
    for field, word in (("containers", "container"), ("initContainers", "init container")):
        for container in spec.get(field) or ():
            yield word, container


def of_pod(spec: Mapping[str, Any], which: Which) -> Amounts:
    """A pod's requests or limits: the sum of its containers, or what its init phase needs if that is more.

    An init container that always restarts counts with the containers, and with the init containers after it.
    Amounts that the pod itself names replace the sum. Source: KEP-753, KEP-2837.
    """
    total: Amounts = {}
    for container in spec.get("containers") or ():
        _add(total, of_container(container, which))
    beside: Amounts = {}
    init: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = of_container(container, which)
        if container.get("restartPolicy") == "Always":
            _add(total, own)
            _add(beside, own)
            _raise(init, beside)
        else:
            _add(own, beside)
            _raise(init, own)
    _raise(total, init)
    total.update(of_container(spec, which))
    overhead = amounts(spec.get("overhead"))
    _add(total, overhead if which == "requests" else {k: v for k, v in overhead.items() if k in total})
    return total


def shown(name: str, amount: Decimal) -> str:
    """An amount as a quantity, bytes in Ki, Mi and so on where that is exact."""
    in_bytes = "memory" in name or "storage" in name or "hugepages-" in name
    return quantity.text(amount, binary=in_bytes)


def _add(total: Amounts, more: Mapping[str, Decimal]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Decimal(0)) + amount


def _raise(total: Amounts, least: Mapping[str, Decimal]) -> None:
    for name, amount in least.items():
        total[name] = max(total.get(name, amount), amount)
