"""Rulesets as text, to the letter what nft 1.0.6 lists: for eyes, documents and golden tests."""

from ipaddress import IPv4Address, IPv6Address, summarize_address_range

from dataplane.nft import datatype as t
from dataplane.nft.element import Element, Key
from dataplane.nft.ruleset import Chain, Hook, Set, Table
from dataplane.nft.statement import Verdict

_PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
_BRIDGE_PRIORITIES = {"dstnat": -300, "filter": -200, "out": 100, "srcnat": 300}
_ONLY_IN = {"dstnat": "prerouting", "srcnat": "postrouting", "out": "output"}
_REACH = 10
_SIX_A_LINE = {"nf_proto", "integer", "arp_op", "inet_proto", "inet_service", "icmp_type", "mark", "pkt_type",
               "icmp_code", "icmpv6_code"}  # fmt: skip
_BREAK = ",\n\t\t\t     "


def table_text(table: Table) -> str:
    """`nft list table`."""
    blocks = [set_text(each) for each in table.sets] + [
        chain_text(each, table.family) for each in table.chains
    ]
    return f"table {table.family} {table.name} {{\n" + "\n".join(blocks) + "}\n"


def chain_text(chain: Chain, family: str) -> str:
    """One chain, indented by a tab."""
    lines = [f"\tchain {chain.name} {{"]
    if chain.hook is not None:
        at = f"hook {chain.hook.hook} priority {priority_text(chain.hook, family)}"
        lines.append(f"\t\ttype {chain.hook.type} {at}; policy {chain.hook.policy};")
    lines += [f"\t\t{rule}" for rule in chain.rules]
    return "\n".join([*lines, "\t}", ""])


def priority_text(hook: Hook, family: str) -> str:
    """A hook's priority by the nearest name, as nft prints it."""
    names = _BRIDGE_PRIORITIES if family == "bridge" else _PRIORITIES
    for name, value in names.items():
        distance = hook.priority - value
        if abs(distance) <= _REACH and _ONLY_IN.get(name, hook.hook) == hook.hook:
            return name if distance == 0 else f"{name} {'+' if distance > 0 else '-'} {abs(distance)}"
    return str(hook.priority)


def set_text(each: Set) -> str:
    """One set or map, indented by a tab."""
    declaration = each.key.text
    if each.verdicts:
        declaration += " : verdict"
    elif each.data is not None:
        declaration += " : " + each.data.text.split(" ", 1)[1]
    lines = [f"\t{'map' if each.is_map else 'set'} {each.name} {{", f"\t\t{declaration}"]
    if each.interval:
        lines.append("\t\tflags interval")
    if each.elements:
        lines.append(f"\t\telements = {{ {elements_text(each)} }}")
    return "\n".join([*lines, "\t}", ""])


def elements_text(each: Set) -> str:
    """Elements in nft's order with nft's line breaks."""
    shown = [element_text(each, element) for element in sorted_elements(each)]
    a_line = 1
    if not each.key.concatenated:
        name = each.key.types[0].name
        a_line = 2 if name == "ipv4_addr" else 6 if name in _SIX_A_LINE else 1
    lines = [", ".join(shown[at : at + a_line]) for at in range(0, len(shown), a_line)]
    return _BREAK.join(lines)


def sorted_elements(each: Set) -> list[Element]:
    """nft sorts by number; a concatenation is one number in the host's order, so its last byte leads."""
    if each.key.concatenated:
        return sorted(each.elements.values(), key=lambda element: element.key[::-1])
    order = each.key.types[0].byteorder
    return sorted(each.elements.values(), key=lambda element: int.from_bytes(element.key, order))


def element_text(each: Set, element: Element) -> str:
    """One element, with its comment and data."""
    text = _key_text(each.key, element)
    if element.comment:
        text += f' comment "{element.comment}"'
    if isinstance(element.data, Verdict):
        return f"{text} : {element.data.text}"
    if each.data is not None:
        text += f" : {each.data.show(element.data)}"
    return text


def _key_text(key: Key, element: Element) -> str:
    if not element.end:
        return key.show(element.key)
    parts = zip(key.types, key.fields(element.key), key.fields(element.end), strict=True)
    return " . ".join(
        kind.text(low) if low == high else _range_text(kind, low, high) for kind, low, high in parts
    )


def _range_text(kind: t.DataType, low: bytes, high: bytes) -> str:
    first, last = kind.text(low), kind.text(high)
    if kind is t.IPV4_ADDR:
        networks = list(summarize_address_range(IPv4Address(low), IPv4Address(high)))
        return str(networks[0]) if len(networks) == 1 else f"{first}-{last}"
    if kind is t.IPV6_ADDR:
        networks6 = list(summarize_address_range(IPv6Address(low), IPv6Address(high)))
        return str(networks6[0]) if len(networks6) == 1 else f"{first}-{last}"
    return f"{first}-{last}"
