"""Errors of the CNI layer, with the codes of the specification (1.1, section 5).

CNIError(code, msg, details)
├ ConfigInvalid         7    a configuration or an argument is wrong
│ └ VersionUnknown      1    a version of the specification that is not spoken
├ ContainerUnknown      3    the container's namespace is not there
├ EnvironmentInvalid    4    a CNI_… variable is missing or wrong
├ InputUndecodable      6    standard input is not a JSON object
├ LedgerDamaged         5    the record of who holds what can't be read
├ TryAgain             11    for the moment it can't be done
├ PluginNotReady       50    STATUS: an ADD would fail
├ PluginFailed         its own: what another's plugin said; 999 when it said nothing that can be read
├ PluginMissing       999    no executable of that name
├ PoolExhausted       100    range, holders
├ AddressHeld         101    address, holder
└ AttachmentWrong     102    CHECK: what is there differs from what was made
"""

from collections.abc import Sequence

from dataplane.model.address import IPAddress, IPNetwork


class CNIError(Exception):
    """A verb failed. msg: one line. details: more, may be empty. mend: what the person can do."""

    id = "PW-N01"
    code = 999
    plugin = "podwire-cni"
    """Who failed."""

    def __init__(self, msg: str, details: str = "", mend: str = "") -> None:
        super().__init__(msg, details, mend)
        self.msg, self.details, self.mend = msg, details, mend

    def __str__(self) -> str:
        return f"{self.msg} ({self.details})" if self.details else self.msg

    def as_json(self, version: str) -> dict[str, object]:
        """The error as the specification has it, for a plugin's standard output."""
        return {"cniVersion": version, "code": self.code, "msg": self.msg, "details": self.details}


class ConfigInvalid(CNIError):
    """A configuration or an argument is wrong; ``msg`` begins with its field's path."""

    id = "PW-N07"
    code = 7


class VersionUnknown(ConfigInvalid):
    """The configuration is in a version of the specification that is not spoken here."""

    id = "PW-N02"
    code = 1


class ContainerUnknown(CNIError):
    """The container's namespace is not there; nothing was made, and nothing has to be undone."""

    id = "PW-N03"
    code = 3


class EnvironmentInvalid(CNIError):
    """A variable that the runtime sets (``CNI_…``) is missing or wrong; ``msg`` begins with its name."""

    id = "PW-N04"
    code = 4


class InputUndecodable(CNIError):
    """What the runtime wrote to standard input is not a JSON object."""

    id = "PW-N06"
    code = 6


class LedgerDamaged(CNIError):
    """The record of who holds which address can't be read or written."""

    id = "PW-N05"
    code = 5


class TryAgain(CNIError):
    """It can't be done now, and may well be in a moment."""

    id = "PW-N11"
    code = 11


class PluginNotReady(CNIError):
    """An ADD would fail now; what is attached goes on."""

    id = "PW-N50"
    code = 50


class PoolExhausted(CNIError):
    """All addresses of a node's range are held."""

    id = "PW-N10"
    code = 100

    def __init__(self, node: str, pool: IPNetwork, size: int, holders: Sequence[str]) -> None:
        """holders: who holds the addresses, ``namespace/pod``; the details name the first few."""
        shown = ", ".join(holders[:5]) + (" …" if len(holders) > 5 else "")
        super().__init__(
            f"{node}: no room for one more pod: its range {pool} holds {size}, {len(holders)} are in use",
            f"held by {shown}" if shown else "",
            "a larger podsPerNode in lab.yaml, or podwire node add",
        )
        self.node, self.pool, self.size, self.holders = node, pool, size, tuple(holders)


class AddressHeld(CNIError):
    """An address that was asked for by name belongs to another pod."""

    id = "PW-N12"
    code = 101

    def __init__(self, address: IPAddress, holder: str) -> None:
        super().__init__(
            f"{address} is held by {holder}", mend=f"delete {holder}, or ask for another address"
        )
        self.address, self.holder = address, holder


class AttachmentWrong(CNIError):
    """What the kernel has of an attachment differs from what was made."""

    id = "PW-N13"
    code = 102


class PluginFailed(CNIError):
    """Another's plugin failed; its own code, message and details."""

    id = "PW-N60"

    def __init__(self, plugin: str, code: int, msg: str, details: str = "") -> None:
        """plugin: its type."""
        super().__init__(msg, details)
        self.plugin, self.code = plugin, code


class PluginMissing(CNIError):
    """No executable of a plugin's name where plugins are looked for."""

    id = "PW-N61"
