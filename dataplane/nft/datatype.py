"""nft's data types: how a value is packed into a register, and how `nft list` prints it."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from dataplane.model.address import MacAddress

Value = Any
"""What a person writes: an address, a number, a name; each type says which."""

_PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre", 50: "esp",
              51: "ah", 58: "ipv6-icmp", 132: "sctp", 136: "udplite"}  # fmt: skip
_ICMP_TYPES = {0: "echo-reply", 3: "destination-unreachable", 4: "source-quench", 5: "redirect",
               8: "echo-request", 9: "router-advertisement", 10: "router-solicitation", 11: "time-exceeded",
               12: "parameter-problem", 13: "timestamp-request", 14: "timestamp-reply"}  # fmt: skip
_ICMPV6_TYPES = {1: "destination-unreachable", 2: "packet-too-big", 3: "time-exceeded",
                 4: "parameter-problem", 128: "echo-request", 129: "echo-reply", 130: "mld-listener-query",
                 131: "mld-listener-report", 132: "mld-listener-done", 133: "nd-router-solicit",
                 134: "nd-router-advert",
                 135: "nd-neighbor-solicit", 136: "nd-neighbor-advert", 137: "nd-redirect",
                 143: "mld2-listener-report"}  # fmt: skip
_ICMP_CODES = {0: "net-unreachable", 1: "host-unreachable", 2: "prot-unreachable", 3: "port-unreachable",
               4: "frag-needed", 9: "net-prohibited", 10: "host-prohibited",
               13: "admin-prohibited"}  # fmt: skip
_ADDRESS_TYPES = {0: "unspec", 1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast",
                  6: "blackhole", 7: "unreachable", 8: "prohibit"}  # fmt: skip
_PACKET_TYPES = {0: "host", 1: "broadcast", 2: "multicast", 3: "other"}
_ETHER_TYPES = {0x0800: "ip", 0x0806: "arp", 0x86DD: "ip6", 0x8100: "8021q", 0x88A8: "8021ad"}
_CT_STATES = {1: "invalid", 2: "established", 4: "related", 8: "new", 64: "untracked"}
_CT_STATUS = {
    1: "expected",
    2: "seen-reply",
    4: "assured",
    8: "confirmed",
    16: "snat",
    32: "dnat",
    0x200: "dying",
}


@dataclass(frozen=True, slots=True)
class DataType:
    """A type of nft.

    name: as `nft` prints it in ``type …``. number: nft's own id, kept with a set. size: bytes in a register.
    network: network byte order, else the host's. names: symbolic values. bits: the value is a bit mask.
    """

    name: str
    number: int
    size: int
    network: bool = True
    names: Mapping[int, str] = field(default_factory=dict, hash=False, compare=False)
    bits: bool = False
    convert: Callable[[Value], bytes] | None = field(default=None, compare=False)
    show: Callable[[bytes], str] | None = field(default=None, compare=False)

    @property
    def byteorder(self) -> Any:
        """ "big" or the host's, for int.from_bytes."""
        return "big" if self.network else sys.byteorder

    def pack(self, value: Value) -> bytes:
        """The value's bytes, ``size`` of them. Bytes pass as they are."""
        if isinstance(value, bytes):
            return value
        if self.convert is not None:
            return self.convert(value)
        if isinstance(value, str):
            value = self.number_of(value)
        return int(value).to_bytes(self.size, self.byteorder)

    def number_of(self, name: str) -> int:
        """The number of a symbolic value; ValueError when it is not one."""
        for number, known in self.names.items():
            if known == name:
                return number
        raise ValueError(f"{name!r} is no value of {self.name}")

    def text(self, packed: bytes) -> str:
        """As `nft list` prints it."""
        packed = packed[: self.size]
        if self.show is not None:
            return self.show(packed)
        number = int.from_bytes(packed, self.byteorder)
        if self.bits:
            return ",".join(name for bit, name in self.names.items() if number & bit) or f"0x{number:x}"
        return self.names.get(number, str(number))


def _text_name(packed: bytes) -> str:
    name = packed.rstrip(b"\0").decode()
    return f'"{name}"'


def _pack_name(name: Value) -> bytes:
    return bytes(str(name).encode().ljust(16, b"\0"))


def _class_text(packed: bytes) -> str:
    """`meta priority` as a traffic class: major:minor in hexadecimal; 0 is "none", 0xffffffff "root"."""
    number = int.from_bytes(packed, sys.byteorder)
    if number in (0, 0xFFFFFFFF):
        return "none" if number == 0 else "root"
    major, minor = number >> 16, number & 0xFFFF
    return f"{major:x}:{minor:x}" if minor else f"{major:x}:"


def _mark_text(packed: bytes) -> str:
    return f"0x{int.from_bytes(packed, sys.byteorder):08x}"


def _ipv4(value: Value) -> bytes:
    return value.packed if isinstance(value, IPv4Address) else IPv4Address(value).packed


def _ipv6(value: Value) -> bytes:
    return value.packed if isinstance(value, IPv6Address) else IPv6Address(value).packed


def _mac(value: Value) -> bytes:
    return value.packed if isinstance(value, MacAddress) else MacAddress.parse(str(value)).packed


IPV4_ADDR = DataType("ipv4_addr", 7, 4, convert=_ipv4, show=lambda packed: str(IPv4Address(packed)))
IPV6_ADDR = DataType("ipv6_addr", 8, 16, convert=_ipv6, show=lambda packed: str(IPv6Address(packed)))
ETHER_ADDR = DataType("ether_addr", 9, 6, convert=_mac, show=lambda b: b.hex(":"))
ETHER_TYPE = DataType("ether_type", 10, 2, names=_ETHER_TYPES)
ARP_OP = DataType("arp_op", 11, 2, names={1: "request", 2: "reply"})
INET_PROTO = DataType("inet_proto", 12, 1, network=False, names=_PROTOCOLS)
INET_SERVICE = DataType("inet_service", 13, 2)
ICMP_TYPE = DataType("icmp_type", 14, 1, names=_ICMP_TYPES)
ICMPV6_TYPE = DataType("icmpv6_type", 29, 1, names=_ICMPV6_TYPES)
ICMP_CODE = DataType("icmp_code", 32, 1, names=_ICMP_CODES)
NF_PROTO = DataType("nf_proto", 2, 1, network=False, names={2: "ipv4", 10: "ipv6"})
INTEGER = DataType("integer", 4, 4, network=False)
INTEGER_BYTE = DataType("integer", 4, 1)
CT_PROTO_PORT = DataType("integer", 0, 2)
"""`ct original proto-dst`: nft gives it no type number, so it prints as a number and never as a service."""
MARK = DataType("mark", 19, 4, network=False, show=_mark_text)
CLASSID = DataType("classid", 23, 4, network=False, names={0: "none"}, show=_class_text)
UID = DataType("uid", 24, 4, network=False)
IFINDEX = DataType("iface_index", 20, 4, network=False)
IFNAME = DataType("ifname", 41, 16, network=False, convert=_pack_name, show=_text_name)
CT_STATE = DataType("ct_state", 26, 4, network=False, names=_CT_STATES, bits=True)
CT_DIRECTION = DataType("ct_dir", 27, 1, network=False, names={0: "original", 1: "reply"})
CT_STATUS = DataType("ct_status", 28, 4, network=False, names=_CT_STATUS, bits=True)
PACKET_TYPE = DataType("pkt_type", 31, 1, network=False, names=_PACKET_TYPES)
FIB_ADDRTYPE = DataType("fib_addrtype", 38, 4, network=False, names=_ADDRESS_TYPES)
