"""A netlink socket in a node's namespace that applies batches and reads tables."""

import errno
import os
import socket
import struct
import time
from dataclasses import dataclass

from dataplane.errors import NotSupported, RulesetError, RulesetRejected
from dataplane.netns.enter import run_inside
from dataplane.nft import wire
from dataplane.nft.batch import NftBatch, Transaction
from dataplane.nft.dump import read_chains, read_table
from dataplane.nft.ruleset import Chain, RulesetState
from dataplane.nft.tallies import RuleName, Tally, read_tallies
from dataplane.nft.wire import Msg

_NETLINK_NETFILTER = 12
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK = 270, 10, 11
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_BUFFER_BYTES = 64 << 20
_RECEIVE_BYTES = 1 << 17
_ATTEMPTS = 20
_NLMSG_ACK_TLVS = 0x200


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch did: elements that it changed and how long the kernel took."""

    elements: int
    microseconds: float


class NftHandle:
    """nf_tables of one namespace. Keeps one socket; not for use by two threads at once.

    netns: name of the namespace. The socket stays in it when the name goes away.
    """

    def __init__(self, netns: str) -> None:
        self.netns = netns
        self._socket = run_inside(netns, _open)

    def close(self) -> None:
        """Let the socket go; the rules stay."""
        self._socket.close()

    def __enter__(self) -> "NftHandle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def apply(self, batch: NftBatch) -> Applied:
        """Send a batch; each of its transactions happens as a whole or not at all. Raises RulesetRejected."""
        started = time.perf_counter()
        for transaction in batch.transactions:
            self._send(transaction)
        return Applied(batch.elements, (time.perf_counter() - started) * 1e6)

    def _send(self, transaction: Transaction) -> None:
        try:
            self._socket.send(transaction.data)
        except OSError as error:
            what = f"a transaction of {len(transaction.data)} bytes can't be sent"
            raise RulesetError(self.netns, what, os.strerror(error.errno or 0)) from error
        # The kernel works inside send: when it returns, every error is already in the receive queue.
        while True:
            try:
                data = self._socket.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            for kind, flags, sequence, payload in wire.messages(data):
                if kind == wire.NLMSG_ERROR and (number := -struct.unpack_from("=i", payload)[0]):
                    self._drain()
                    self._reject(transaction, sequence, number, _sentence(flags, payload))

    def _reject(self, transaction: Transaction, sequence: int, error: int, sentence: str) -> None:
        kernel = f"{errno.errorcode.get(error, error)} {os.strerror(error)}" + (
            f": {sentence}" if sentence else ""
        )
        if 1 <= sequence <= len(transaction.blame):
            raise RulesetRejected(self.netns, transaction.blame[sequence - 1](), kernel)
        if error == errno.EPERM:
            raise RulesetRejected(self.netns, "no permission to change nf_tables", kernel, "run as root")
        raise RulesetRejected(self.netns, "the transaction as a whole", kernel)

    def _drain(self) -> None:
        while True:
            try:
                self._socket.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return

    def dump(self, family: str, name: str) -> RulesetState:
        """The table as the kernel has it; a state without tables when it has none.

        Read again when somebody changed nf_tables in this namespace meanwhile. Raises RulesetError.
        """
        for _attempt in range(_ATTEMPTS):
            before = self.generation()
            try:
                table = read_table(self._ask, family, name)
            except InterruptedError:
                continue
            if self.generation() == before:
                return RulesetState((table,) if table is not None else ())
        raise RulesetError(self.netns, f"table {family} {name} changes faster than it can be read")

    def chains(self) -> list[tuple[str, str, Chain]]:
        """Every chain of the namespace with its rules, of all tables: family, table, chain."""
        for _attempt in range(_ATTEMPTS):
            try:
                return read_chains(self._ask)
            except InterruptedError:
                continue
        raise RulesetError(self.netns, "its rules change faster than they can be read")

    def tallies(self) -> dict[RuleName, Tally]:
        """What each rule that drops or refuses has counted, of all tables."""
        for _attempt in range(_ATTEMPTS):
            try:
                return read_tallies(self._ask)
            except InterruptedError:
                continue
        raise RulesetError(self.netns, "its rules change faster than they can be read")

    def generation(self) -> int:
        """The kernel's count of transactions in this namespace."""
        self._request(Msg.GETGEN, 0, b"", 0)
        for _kind, _flags, _sequence, payload in wire.messages(self._socket.recv(_RECEIVE_BYTES)):
            parts = wire.attribute_map(payload[4:])
            if 1 in parts:
                return wire.as_u32(parts[1])
        raise RulesetError(self.netns, "nf_tables does not tell its generation")

    def _request(self, kind: Msg, family: int, body: bytes, flags: int) -> None:
        number = wire.NFNL_SUBSYS_NFTABLES << 8 | kind
        self._socket.send(wire.message(number, flags, 0, family, body))

    def _ask(self, kind: Msg, family: int, body: bytes) -> list[bytes]:
        """All answers to a dump request; InterruptedError when it has to be asked again."""
        self._request(kind, family, body, wire.NLM_F_DUMP)
        answers: list[bytes] = []
        interrupted = False
        while True:
            for number, flags, _sequence, payload in wire.messages(self._socket.recv(_RECEIVE_BYTES)):
                interrupted |= bool(flags & wire.NLM_F_DUMP_INTR)
                if number == wire.NLMSG_DONE:
                    if interrupted:
                        raise InterruptedError
                    return answers
                if number == wire.NLMSG_ERROR:
                    self._drain()
                    error = -struct.unpack_from("=i", payload)[0]
                    if error == errno.ENOENT:
                        return []
                    raise RulesetError(self.netns, f"{kind.name} failed", os.strerror(error))
                answers.append(payload[4:])


def _open() -> socket.socket:
    """The socket; called in the namespace."""
    try:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    except OSError as error:
        raise NotSupported("nf_tables", "this kernel has no netfilter netlink", str(error)) from error
    for option in (_SO_SNDBUFFORCE, _SO_RCVBUFFORCE):
        made.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
    for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK):
        made.setsockopt(_SOL_NETLINK, option, 1)
    made.bind((0, 0))
    return made


def _sentence(flags: int, payload: bytes) -> str:
    """The kernel's own words in an error message (NLMSGERR_ATTR_MSG)."""
    if not flags & _NLMSG_ACK_TLVS:
        return ""
    return wire.as_text(wire.attribute_map(payload[20:]).get(1, b""))
