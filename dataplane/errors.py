"""Errors of the kernel-facing layer.

KernelError(where, what, kernel, mend)
├ NamespaceError   NameTaken, NamespaceGone
├ LinkError        LinkExists, MtuTooSmall
├ RulesetError     RulesetRejected
├ LimitReached     limit, needed, in_use
└ NotSupported     capability
"""


class KernelError(Exception):
    """The kernel refused, or can't do, what podwire needs.

    where: namespace and object. what: one line. kernel: errno and extended-ack text, may be empty.
    mend: what the person can do, as a command where there is one.
    """

    id = "PW-K01"

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


class NotSupported(KernelError):
    """This kernel lacks a capability that podwire needs."""

    id = "PW-K03"
