"""Addresses given, found and given back."""

from cni.errors import PoolExhausted
from cni.ipam.ledger import Held, Ledger
from cni.ipam.pool import Pool
from cni.spec.config import AttachRequest, NodeNetwork
from dataplane.model.address import IPAddress


def give(ledger: Ledger, network: NodeNetwork, request: AttachRequest) -> Held:
    """One address of each range, on disk before it is returned; who holds some already gets the same ones.

    Raises PoolExhausted, LedgerDamaged.
    """
    with ledger.open() as entry:
        held = entry.books.held.get(request.container_id)
        if held is not None:
            return held
        taken = entry.books.addresses
        addresses: list[IPAddress] = []
        for cidr in network.pod_cidrs:
            pool = Pool(cidr)
            address = pool.next_free(taken, entry.books.latest.get(cidr))
            if address is None:
                holders = [each.label for each in entry.books.held.values()]
                raise PoolExhausted(network.node, cidr, pool.size, holders)
            addresses.append(address)
        held = Held(request.container_id, request.netns, request.interface, request.label, tuple(addresses))
        entry.take(held, network.pod_cidrs)
        return held


def give_back(ledger: Ledger, container_id: str) -> Held | None:
    """Strike a holder out, on disk before it returns; what it held, None when it held nothing."""
    with ledger.open() as entry:
        return entry.give_back(container_id)


def find(ledger: Ledger, container_id: str) -> Held | None:
    """What a container holds."""
    with ledger.open() as entry:
        return entry.books.held.get(container_id)


def holders(ledger: Ledger) -> tuple[Held, ...]:
    """Everybody who holds an address, oldest first."""
    with ledger.open() as entry:
        return tuple(entry.books.held.values())
