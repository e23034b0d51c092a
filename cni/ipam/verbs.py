"""Addresses given, found and given back."""

from cni.errors import AddressHeld, ConfigInvalid, PoolExhausted
from cni.ipam.ledger import Books, Held, Ledger
from cni.ipam.pool import Pool
from cni.spec.config import AttachRequest, NodeNetwork
from dataplane.model.address import IPAddress, IPNetwork


def give(ledger: Ledger, network: NodeNetwork, request: AttachRequest) -> Held:
    """One address of each range, written down before it is returned; who holds some already gets the same ones.

    Raises PoolExhausted, AddressHeld, ConfigInvalid, LedgerDamaged.
    """
    with ledger.open() as entry:
        held = entry.books.held.get(request.container_id)
        if held is not None:
            return held
        addresses = tuple(_choose(entry.books, network, cidr, request) for cidr in network.pod_cidrs)
        held = Held(request.container_id, request.netns, request.interface, request.label, addresses)
        entry.take(held, network.pod_cidrs)
        return held


def _choose(books: Books, network: NodeNetwork, cidr: IPNetwork, request: AttachRequest) -> IPAddress:
    """The address that was asked for by name, or else the next free one."""
    pool = Pool(cidr)
    for wanted in request.addresses:
        if wanted.version != cidr.version:
            continue
        if wanted not in pool:
            raise ConfigInvalid(f"{request.label}: {wanted} is not one that {network.node} gives ({cidr})")
        holder = next((held.label for held in books.held.values() if wanted in held.addresses), None)
        if holder:
            raise AddressHeld(wanted, holder)
        return wanted
    address = pool.next_free(books.addresses, books.latest.get(cidr))
    if address is None:
        raise PoolExhausted(network.node, cidr, pool.size, [held.label for held in books.held.values()])
    return address


def give_back(ledger: Ledger, container_id: str) -> Held | None:
    """Strike a holder out, written down before it returns; what it held, None when it held nothing."""
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
