"""Any act: done, found in the kernel, undone. What is gone already is no error."""

from dataplane.errors import NamespaceGone
from dataplane.faults import cut, halt, impair
from dataplane.faults.act import Act, AddressDrop, Frozen, Halted, LinkDown, PortDrop, Shaped
from dataplane.netlink import carrier, link, link_order, qdisc
from dataplane.netlink.batch import BatchSocket
from dataplane.netlink.socket import RouteHandle
from dataplane.netns.enter import inside
from dataplane.nft.batch import BatchWriter
from dataplane.nft.handle import NftHandle
from dataplane.patience import patient

_CARRIER_S = 2.0


def do(act: Act, comment: str) -> None:
    """Change the kernel. comment: what rules are to say of themselves. Raises KernelError."""
    match act:
        case LinkDown():
            cut.put_down(act)
        case PortDrop() | AddressDrop():
            cut.drop(act, comment)
        case Shaped():
            impair.shape(act)
        case Frozen():
            halt.freeze(act)
        case Halted():
            halt.halt(act)


def in_force(act: Act) -> bool:
    """Whether the kernel has it."""
    try:
        match act:
            case LinkDown():
                with RouteHandle(act.netns) as handle:
                    found = link.find(handle, act.link)
                return found is not None and not found.up
            case PortDrop() | AddressDrop():
                return bool(_chains(act))
            case Shaped():
                with RouteHandle(act.netns) as handle:
                    return qdisc.kind(handle, act.link) == act.kind
            case Frozen():
                return halt.is_frozen(act)
            case Halted():
                return halt.is_halted(act)
    except NamespaceGone:
        return False


def undo(act: Act) -> None:
    """Take it back. Raises KernelError when the kernel refuses."""
    try:
        match act:
            case LinkDown():
                _put_up(act)
            case PortDrop() | AddressDrop():
                _remove(act)
            case Shaped():
                with RouteHandle(act.netns) as handle:
                    qdisc.clear(handle, act.link, act.kind)
            case Frozen():
                halt.thaw(act)
            case Halted():
                halt.resume(act)
    except NamespaceGone:
        return


def _put_up(act: LinkDown) -> None:
    """Up, and carrying when this returns."""
    with RouteHandle(act.netns) as handle:
        if link.find(handle, act.link) is None:
            return
    with inside(act.netns):
        socket = BatchSocket(act.netns)
    with socket:
        socket.send([link_order.set_up(act.link)])
        carrier.wait(socket, (act.link,), patient(_CARRIER_S))


def _chains(act: PortDrop | AddressDrop) -> list[str]:
    """The act's chains that the kernel has."""
    wanted = cut.table_of(act)
    ours = {chain.name for chain in cut.chains_of(act, "")}
    with NftHandle(act.netns) as handle:
        table = handle.dump(wanted.family, wanted.name).table(wanted.family, wanted.name)
    return [chain.name for chain in table.chains if chain.name in ours] if table is not None else []


def _remove(act: PortDrop | AddressDrop) -> None:
    """The act's chains, and the table with the last of them."""
    wanted = cut.table_of(act)
    ours = {chain.name for chain in cut.chains_of(act, "")}
    with NftHandle(act.netns) as handle:
        table = handle.dump(wanted.family, wanted.name).table(wanted.family, wanted.name)
        if table is None:
            return
        writer = BatchWriter()
        if all(chain.name in ours for chain in table.chains):
            writer.delete_table(table)
        else:
            for chain in table.chains:
                if chain.name in ours:
                    writer.flush_chain(table, chain.name)
                    writer.delete_chain(table, chain.name)
        handle.apply(writer.batch())
