"""Errors of the kernel-facing layer.

KernelError(where, what, kernel, mend)
├ NamespaceError   NameTaken, NamespaceGone
├ LinkError        LinkExists, MtuTooSmall
├ RulesetError     RulesetRejected
├ LimitReached     limit, needed, in_use
├ FilterInvalid
└ NotSupported     NoNamespaces, NoVeth, NoBridge, NoVxlan, NoNftables, NoConntrack, NoCgroup2, NoRight,
                   ReadOnlySysctls, NoNetem
"""


class KernelError(Exception):
    """The kernel refused, or can't do, what podwire needs.

    where: namespace and object. what: one line. kernel: errno and extended-ack text, may be empty.
    mend: what the person can do, as a command where there is one.
    """

    id = "PW-K01"
    exit_code = 1

    def __init__(self, where: str, what: str, kernel: str = "", mend: str = "") -> None:
        super().__init__(where, what, kernel, mend)
        self.where, self.what, self.kernel, self.mend = where, what, kernel, mend

    def __str__(self) -> str:
        reason = f" ({self.kernel})" if self.kernel else ""
        return f"{self.where}: {self.what}{reason}"


class NamespaceError(KernelError):
    """A network namespace can't be made, entered or removed."""

    id = "PW-K10"


class NameTaken(NamespaceError):
    """A namespace of that name is there already."""

    id = "PW-K11"


class NamespaceGone(NamespaceError):
    """The namespace is not there (any more)."""

    id = "PW-K12"


class LinkError(KernelError):
    """A link, address, route, neighbour or FDB entry was refused."""

    id = "PW-K20"


class LinkExists(LinkError):
    """A link of that name is there, and is another one than asked for."""

    id = "PW-K21"


class MtuTooSmall(LinkError):
    """The MTU leaves less than IPv6 needs."""

    id = "PW-K22"


class RulesetError(KernelError):
    """nf_tables answered with an error."""

    id = "PW-K30"


class RulesetRejected(RulesetError):
    """A transaction was refused; ``what`` holds the line of nft text that was to blame."""

    id = "PW-K31"


class LimitReached(KernelError):
    """A limit of the machine is too low for the lab."""

    id = "PW-K40"


class FilterInvalid(KernelError):
    """A capture filter is not in tcpdump's language."""

    id = "PW-K45"
    exit_code = 2

    def __init__(self, text: str, said: str) -> None:
        super().__init__(
            f"filter {text!r}", f"can't be understood: {said}", "", "man pcap-filter has the language"
        )


class NotSupported(KernelError):
    """This kernel lacks a capability that podwire needs."""

    id = "PW-K02"


class NoNamespaces(NotSupported):
    """Network namespaces can't be made."""

    id = "PW-K04"


class NoVeth(NotSupported):
    """The kernel has no veth, so nothing can be joined."""

    id = "PW-K05"


class NoBridge(NotSupported):
    """The kernel has no bridge, so nodes have no switch."""

    id = "PW-K06"


class NoVxlan(NotSupported):
    """The kernel has no VXLAN, so nodes can't be joined by an overlay."""

    id = "PW-K03"


class NoNftables(NotSupported):
    """The kernel has no nf_tables, so there are neither Services nor policies."""

    id = "PW-K07"


class NoConntrack(NotSupported):
    """The kernel tracks no connections, so nothing can be translated."""

    id = "PW-K08"


class NoCgroup2(NotSupported):
    """cgroup2 is not mounted, so a lab's processes can't be held together."""

    id = "PW-K14"


class NoRight(NotSupported):
    """Root lacks a capability that podwire needs: a container without --privileged."""

    id = "PW-K15"


class ReadOnlySysctls(NotSupported):
    """/proc/sys/net is read-only, as in a container without --privileged."""

    id = "PW-K16"


class NoNetem(NotSupported):
    """The kernel has no sch_netem, so packets can't be delayed."""

    id = "PW-K17"
    exit_code = 2
