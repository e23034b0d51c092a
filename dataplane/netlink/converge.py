"""A namespace made to have its wiring: what is missing is added, what differs mended, ours that is stale goes."""

from collections.abc import Callable
from typing import TypeVar

from dataplane.model.wiring import LinkKind, Wiring
from dataplane.netlink import address, link, neighbour, route
from dataplane.netlink.link import FoundLink
from dataplane.netlink.socket import RouteHandle

Item = TypeVar("Item")


def apply(want: Wiring) -> int:
    """Converge one namespace; how many changes it took, 0 when all was as wanted. Raises KernelError.

    Never touched: links that are not named, IPv6 link-local addresses, routes of another protocol number,
    neighbours on bridges (pods').
    """
    with RouteHandle(want.netns) as handle:
        return _Convergence(handle, want).run()


class _Convergence:
    def __init__(self, handle: RouteHandle, want: Wiring) -> None:
        self.handle, self.want = handle, want
        self.have = link.read(handle)
        self.changes = 0

    def run(self) -> int:
        self._links()
        mine = {each.name for each in self.want.links}
        names = {found.index: found.name for found in self.have.values()}
        quiet = {each.name for each in self.want.links if each.kind is not LinkKind.BRIDGE}

        addresses = address.read(self.handle, names)
        stale = {have for have in addresses if have.link in mine} - set(self.want.addresses)
        self._each(sorted(stale, key=str), address.delete)
        self._each([each for each in self.want.addresses if each not in addresses], address.add)

        entries = neighbour.read_forwarding(self.handle, names)
        self._each(sorted(entries - set(self.want.forwarding), key=str), neighbour.delete_forwarding)
        missing = [each for each in self.want.forwarding if each not in entries]
        self._each(missing, neighbour.add_forwarding)

        neighbours = neighbour.read(self.handle, names)
        places = {(each.link, each.address) for each in self.want.neighbours}
        gone = {have for have in neighbours if have.link in quiet and (have.link, have.address) not in places}
        self._each(sorted(gone, key=str), neighbour.delete)
        self._each([each for each in self.want.neighbours if each not in neighbours], neighbour.replace)

        routes = route.read(self.handle, names)
        destinations = {(each.destination, each.local) for each in self.want.routes}
        old = {have for have in routes if (have.destination, have.local) not in destinations}
        self._each(sorted(old, key=str), route.delete)
        self._each([each for each in self.want.routes if each not in routes], route.replace)
        return self.changes

    def _links(self) -> None:
        for name, have in list(self.have.items()):
            unwanted = have.kind == LinkKind.VXLAN and name not in {each.name for each in self.want.links}
            if unwanted:
                self._remove(name)
        for want in self.want.links:
            found = self.have.get(want.name)
            parent = self.have.get(want.vxlan.parent) if want.vxlan else None
            if found and not link.conforms(want, found, parent):
                if found.kind != want.kind.value:
                    raise link.wrong_kind(self.handle, want, found)
                self._remove(want.name)
                found = None
            if found is None:
                found = link.make(self.handle, want, self.have)
                self.changes += 1
            master = self.have[want.master].index if want.master else 0
            if link.set_right(self.handle, want, found, master):
                self.changes += 1
                found = link.after_setting(want, found, master)
            self.have[want.name] = found

    def _remove(self, name: str) -> None:
        link.delete(self.handle, name)
        del self.have[name]
        self.changes += 1

    def _each(self, items: list[Item], order: Callable[[RouteHandle, Item, int], None]) -> None:
        for item in items:
            name: str = getattr(item, "link")  # noqa: B009 - every item of a Wiring names its link
            found: FoundLink | None = self.have.get(name)
            order(self.handle, item, found.index if found else _LOOPBACK)
            self.changes += 1


_LOOPBACK = 1
