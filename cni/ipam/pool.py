"""The next free address of a range: pure."""

from collections.abc import Set
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

import netaddr

from dataplane.model.address import IPAddress, IPNetwork


@dataclass(frozen=True, slots=True)
class Pool:
    """A node's range of one family.

    Never given away: the network's own address, the gateway (the first address), and IPv4's broadcast.
    """

    cidr: IPNetwork
    first: int = field(init=False)
    last: int = field(init=False)

    def __post_init__(self) -> None:
        network = netaddr.IPNetwork(str(self.cidr))
        object.__setattr__(self, "first", network.first + 2)
        object.__setattr__(self, "last", network.last - (1 if network.version == 4 else 0))

    @property
    def size(self) -> int:
        """How many pods find room.

        >>> from ipaddress import ip_network
        >>> Pool(ip_network("10.244.1.0/24")).size
        253
        """
        return self.last - self.first + 1

    def __contains__(self, address: IPAddress) -> bool:
        return address.version == self.cidr.version and self.first <= int(address) <= self.last

    def next_free(self, held: Set[IPAddress], latest: IPAddress | None) -> IPAddress | None:
        """The first address after ``latest`` that nobody holds, around the end; None when all are held.

        So an address comes back only after every other one was given: nodes have long dropped what they knew
        of its last holder.

        >>> from ipaddress import ip_address, ip_network
        >>> Pool(ip_network("10.0.0.0/29")).next_free({ip_address("10.0.0.2")}, ip_address("10.0.0.6"))
        IPv4Address('10.0.0.3')
        """
        start = self.first if latest is None or latest not in self else int(latest) + 1
        for step in range(min(self.size, len(held) + 1)):
            number = self.first + (start - self.first + step) % self.size
            address: IPAddress = IPv4Address(number) if self.cidr.version == 4 else IPv6Address(number)
            if address not in held:
                return address
        return None
