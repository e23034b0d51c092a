"""Addresses as values: text is parsed here once and never deeper."""

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


class Family(IntEnum):
    """Address family; the number is the IP version."""

    V4 = 4
    V6 = 6

    @classmethod
    def of(cls, address: IPAddress | IPNetwork) -> "Family":
        """Family of an address or network."""
        return cls(address.version)


@dataclass(frozen=True, slots=True)
class MacAddress:
    """An Ethernet address.

    packed: six bytes, network order.

    >>> str(MacAddress.parse("0a:58:0a:f4:01:05"))
    '0a:58:0a:f4:01:05'
    """

    packed: bytes

    def __post_init__(self) -> None:
        if len(self.packed) != 6:
            raise ValueError(f"a MAC address has 6 bytes, not {len(self.packed)}")

    def __str__(self) -> str:
        return self.packed.hex(":")

    @classmethod
    def parse(cls, text: str) -> "MacAddress":
        """Parse colon-separated hex; ValueError when it is not one."""
        return cls(bytes.fromhex(text.replace(":", "")))

    @classmethod
    def for_address(cls, address: IPAddress) -> "MacAddress":
        """The MAC that podwire gives to the owner of an address: 0a:58 and its last four bytes.

        Every MAC in a lab follows from an IPv4 (or lone IPv6) address, so permanent neighbours can be
        written without asking anybody. 0a is locally administered (IEEE 802 c).
        """
        return cls(b"\x0a\x58" + address.packed[-4:])


@dataclass(frozen=True, slots=True, order=True)
class HostPort:
    """An address and a transport port."""

    address: IPAddress
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"
