"""What a namespace has, as lines of text: read raw, without pyroute2, for comparing before with after.

Only what somebody set: no counters, no states of carriers, no lifetimes, nothing that expires by itself.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from dataplane.errors import LinkError
from dataplane.netlink.order import attributes

_GETLINK, _GETADDR, _GETROUTE, _GETRULE = 18, 22, 26, 34
_REQUEST, _DUMP = 0x1, 0x300
_ERROR, _DONE, _INTERRUPTED = 2, 3, 0x10
_FAMILIES = {"IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}
_IFF_UP = 1
_TEMPORARY = 0x01  # IFA_F_TEMPORARY, IPv6's privacy addresses
_CLONED = 0x200  # RTM_F_CLONED
_REDIRECT = 1
_TYPES = {2: "local ", 3: "broadcast ", 4: "anycast ", 5: "multicast ", 6: "blackhole ", 7: "unreachable "}


@dataclass(frozen=True, slots=True)
class _Message:
    kind: int
    header: bytes
    attributes: dict[int, bytes]


def links() -> dict[int, str]:
    """Links of the calling thread's namespace: a line each, by index."""
    found: dict[int, tuple[str, str, int]] = {}
    for message in _dump(_GETLINK, socket.AF_UNSPEC, 16):
        index, flags = struct.unpack_from("=iI", message.header, 4)
        has = message.attributes
        info = attributes(has.get(18, b""))  # IFLA_LINKINFO
        parts = [
            _text(has.get(3)),  # IFLA_IFNAME
            f"index {index}",
            _text(info.get(1)) or "device",  # IFLA_INFO_KIND
            has.get(1, b"").hex(":"),  # IFLA_ADDRESS
            f"mtu {_u32(has.get(4))}",  # IFLA_MTU
            "up" if flags & _IFF_UP else "down",
        ]
        alias = _text(has.get(20))  # IFLA_IFALIAS
        if alias:
            parts.append(f"alias {alias}")
        found[index] = (parts[0], " ".join(parts), _u32(has.get(10)))  # IFLA_MASTER
    names = {index: name for index, (name, _, _) in found.items()}
    return {
        index: f"{line} master {names.get(master, master)}" if master else line
        for index, (_, line, master) in found.items()
    }


def addresses(names: dict[int, str]) -> list[str]:
    """Addresses, without IPv6's temporary ones."""
    found = []
    for message in _dump(_GETADDR, socket.AF_UNSPEC, 8):
        _, prefix, short_flags, _, index = struct.unpack_from("=BBBBi", message.header)
        has = message.attributes
        flags = _u32(has.get(8)) or short_flags  # IFA_FLAGS
        if message.header[0] == socket.AF_INET6 and flags & _TEMPORARY:
            continue
        packed = has.get(2) or has.get(1)  # IFA_LOCAL, IFA_ADDRESS
        if packed and len(packed) in {4, 16}:
            found.append(f"{ip_address(packed)}/{prefix} dev {names.get(index, index)}")
    return sorted(found)


def routes(names: dict[int, str]) -> list[str]:
    """Routes of all tables and both families, without redirects and exceptions."""
    found = []
    for family in _FAMILIES.values():
        for message in _dump(_GETROUTE, family, 12):
            _, length, source_length, tos, table, protocol, scope, kind = message.header[:8]
            flags = struct.unpack_from("=I", message.header, 8)[0]
            has = message.attributes
            if flags & _CLONED or protocol == _REDIRECT:
                continue
            any_address = "0.0.0.0" if family == socket.AF_INET else "::"
            parts = [f"{_TYPES.get(kind, '')}{_address(has.get(1)) or any_address}/{length}"]
            parts += [f"from {_address(has[2])}/{source_length}"] if 2 in has else []
            parts += [f"via {_address(has[5])}"] if 5 in has else []
            parts += [f"via {has[18].hex()}"] if 18 in has else []  # RTA_VIA, of another family
            parts += [f"dev {names.get(_u32(has[4]), _u32(has[4]))}"] if 4 in has else []
            parts += [f"src {_address(has[7])}"] if 7 in has else []
            parts += [f"metric {_u32(has[6])}"] if _u32(has.get(6)) else []
            parts += [f"hops {has[9].hex()}"] if 9 in has else []  # RTA_MULTIPATH
            parts += [f"table {_u32(has.get(15)) or table}", f"proto {protocol}", f"scope {scope}"]
            parts += [f"tos {tos}"] if tos else []
            found.append(" ".join(parts))
    return sorted(found)


def rules() -> list[str]:
    """Rules of policy routing, both families; what has no name here stands as its number and bytes."""
    found = []
    for name, family in _FAMILIES.items():
        for message in _dump(_GETRULE, family, 12):
            has = dict(message.attributes)
            table = _u32(has.pop(15, None)) or message.header[4]
            priority = _u32(has.pop(6, None))
            rest = " ".join(f"{kind}={value.hex()}" for kind, value in sorted(has.items()))
            found.append(f"{name} {priority}: header {message.header.hex()} table {table} {rest}".strip())
    return sorted(found)


def _dump(kind: int, family: int, header_size: int) -> Iterator[_Message]:
    """All messages of one dump, asked again when something changed meanwhile. Raises LinkError."""
    try:
        for _ in range(5):
            messages, interrupted = _ask(kind, family, header_size)
            if not interrupted:
                break
    except OSError as error:
        raise LinkError("this namespace", "can't be listed", str(error)) from error
    yield from messages


def _ask(kind: int, family: int, header_size: int) -> tuple[list[_Message], bool]:
    order = struct.pack("=IHHIIB", 16 + header_size, kind, _REQUEST | _DUMP, 1, 0, family)
    found: list[_Message] = []
    interrupted = False
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as asked:
        asked.settimeout(10)
        asked.send(order + bytes(header_size - 1))
        while True:
            packet = asked.recv(1 << 18)
            offset = 0
            while offset + 16 <= len(packet):
                length, answer, flags, _, _ = struct.unpack_from("=IHHII", packet, offset)
                interrupted = interrupted or bool(flags & _INTERRUPTED)
                if answer == _DONE:
                    return found, interrupted
                body = packet[offset + 16 : offset + length]
                if answer == _ERROR:
                    number = -struct.unpack_from("=i", body)[0]
                    raise OSError(number, "rtnetlink refused a dump")
                found.append(_Message(answer, body[:header_size], attributes(body[header_size:])))
                offset += (length + 3) & ~3


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode(errors="replace")


def _u32(value: bytes | None) -> int:
    return int(struct.unpack("=I", value)[0]) if value and len(value) == 4 else 0


def _address(value: bytes | None) -> str:
    return str(ip_address(value)) if value and len(value) in {4, 16} else ""
