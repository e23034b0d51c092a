"""Which element of a group let a flow pass: a matched rule and the table's elements, read back from the kernel."""

import re

from dataplane.model.address import Family, IPAddress
from dataplane.model.verdict import Direction, Form
from dataplane.nft.datatype import Value
from dataplane.nft.element import Element
from dataplane.nft.ruleset import Rule, Set, Table
from dataplane.observe.journey import Ends

_LOOKUP = re.compile(r"@(\S+)")


def looked_up(rule: Rule) -> str:
    """The set or map that a rule asks; "" for none."""
    found = _LOOKUP.search(str(rule))
    return found.group(1) if found else ""


def allowing_element(table: Table, set_name: str, ends: Ends, direction: Direction) -> Element | None:
    """The element of a group's set that a packet of a flow's original direction matched.

    table: ``inet podwire-policy`` with its elements. ends: as `forward` saw them. None when it is not
    there (any more).
    """
    group, _, form = set_name.rpartition(".")
    asked = table.set_by_name.get(set_name)
    if not group or asked is None or form not in set(Form):
        return None
    peer = ends.source if direction is Direction.INGRESS else ends.destination
    identity = _identity(table, peer)
    values: dict[Form, list[Value]] = {
        Form.IDENTITY_PORT: [identity, ends.protocol, ends.destination_port],
        Form.IDENTITY_RANGE: [identity, ends.protocol, ends.destination_port],
        Form.IDENTITY: [identity],
        Form.ANY_PORT: [ends.protocol, ends.destination_port],
        Form.ANY_RANGE: [ends.protocol, ends.destination_port],
        Form.BLOCK4: [peer],
        Form.BLOCK6: [peer],
        Form.BLOCK4_PORTS: [peer, ends.protocol, ends.destination_port],
        Form.BLOCK6_PORTS: [peer, ends.protocol, ends.destination_port],
    }
    key = asked.key.pack(values[Form(form)])
    return next((each for each in asked.elements.values() if _holds(asked, each, key)), None)


def identity_element(table: Table, address: IPAddress) -> Element | None:
    """What an address is to policies, as the kernel has it; the comment names the pod."""
    named = table.set_by_name.get(f"identities{Family.of(address).value}")
    return named.elements.get(address.packed) if named is not None else None


def _identity(table: Table, address: IPAddress) -> int:
    element = identity_element(table, address)
    if element is None or not isinstance(element.data, bytes):
        return 0
    named = table.set_by_name[f"identities{Family.of(address).value}"]
    assert named.data is not None
    return int.from_bytes(element.data, named.data.types[0].byteorder)


def _holds(asked: Set, element: Element, key: bytes) -> bool:
    """A single value, or a range in every field."""
    if not element.end:
        return element.key == key
    parts = zip(
        asked.key.fields(element.key), asked.key.fields(key), asked.key.fields(element.end), strict=True
    )
    return all(low <= value <= high for low, value, high in parts)
