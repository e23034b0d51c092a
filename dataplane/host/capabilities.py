"""What this kernel can, found by trying in a namespace that is thrown away; nothing of the machine changes.

A try may make the kernel load a module (vxlan, nf_tables, nf_conntrack), as any use of it would. br_netfilter is
only looked for, never loaded: it would switch filtering on for the machine's own bridges.
"""

import errno
import os
import re
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dataplane import errors
from dataplane.errors import KernelError, NotSupported
from dataplane.host.cgroup import OWN_HOME, can_be_mounted, cgroup2_root
from dataplane.host.denied import Ability, is_denied, why_missing
from dataplane.host.overlayfs import has_overlayfs
from dataplane.host.process import CAPABILITY_NUMBERS
from dataplane.netlink import link_order
from dataplane.netlink.batch import BatchSocket
from dataplane.netlink.order import Order
from dataplane.netns import syscalls, sysctl

_NFNETLINK = 12  # NETLINK_NETFILTER
_GET_GENERATION = (10 << 8) | 16  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
_GET_TRACKING_STATS = (1 << 8) | 5  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET_STATS


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What was found.

    kernel: (major, minor). cgroup2: its mount point, ours where it is yet to be mounted; None when the kernel has none. bridge_netfilter: packets
    between ports of a bridge pass the IP hooks in a new namespace; without it pods of one node are routed. netem: delay, loss and rate can be emulated.
    btf: the kernel describes its structures, which tracing needs. lacking: capabilities that root here is denied.
    sysctls: /proc/sys/net can be written.
    """

    kernel: tuple[int, int]
    release: str
    namespaces: bool
    veth: bool
    bridge: bool
    vxlan: bool
    nftables: bool
    conntrack: bool
    bridge_netfilter: bool
    ipv6: bool
    netem: bool
    overlayfs: bool
    cgroup2: Path | None
    btf: bool
    lacking: tuple[str, ...] = ()
    sysctls: bool = True

    def missing(self, *, overlay: str = "vxlan") -> list[NotSupported]:
        """What a lab with this overlay needs and the kernel has not, as errors with their mends."""
        where = f"kernel {self.release}"
        if self.lacking:
            return [_no_right(self.lacking)]
        if not self.sysctls:
            return [_no_sysctls()]
        if not self.namespaces:
            return [errors.NoNamespaces(where, "network namespaces can't be made", mend="run as root")]
        vxlan = self.vxlan or overlay != "vxlan"
        found = [
            None if self.veth else _no_veth(where),
            None if self.bridge else _no_bridge(where),
            None if vxlan else _no_vxlan(where),
            None if self.nftables else _no_nftables(where),
            None if self.conntrack else _no_conntrack(where),
        ]
        return [error for error in found if error is not None]

    def summary(self) -> str:
        """One line for the terminal: ``kernel 6.18 ok · nftables ok · … · eBPF off: no BTF``."""
        parts = [f"kernel {self.kernel[0]}.{self.kernel[1]} {'ok' if self.namespaces else 'can not'}"]
        parts += [f"{name} {'ok' if getattr(self, name) else 'missing'}" for name in ("nftables", "vxlan")]
        parts += [
            f"{label} {'ok' if there else f'off: {why}'}"
            for label, there, why in (
                ("IPv6", self.ipv6, why_missing(Ability.IPV6, "the kernel has none")),
                ("br_netfilter", self.bridge_netfilter, "pods of one node are routed"),
                ("overlayfs", self.overlayfs, "containers' roots are read-only"),
                ("cgroup2", self.cgroup2 not in {None, OWN_HOME}, _no_cgroup2(self.cgroup2)),
                ("netem", self.netem, "no sch_netem"),
                ("eBPF", self.btf, "no BTF"),
            )
        ]
        return " · ".join(parts)


def _no_cgroup2(place: Path | None) -> str:
    return "none is mounted, a lab mounts its own" if place else "a lab's processes are found by PODWIRE_LAB"


def _no_veth(where: str) -> NotSupported:
    return errors.NoVeth(where, "there is no veth, so nothing can be joined", mend="sudo modprobe veth")


def _no_bridge(where: str) -> NotSupported:
    return errors.NoBridge(where, "there is no bridge, so nodes have no switch", mend="sudo modprobe bridge")


def _no_vxlan(where: str) -> NotSupported:
    return errors.NoVxlan(
        where,
        "there is no VXLAN, so nodes can't be joined by an overlay",
        mend="sudo modprobe vxlan   or   podwire up --overlay direct",
    )


def _no_nftables(where: str) -> NotSupported:
    return errors.NoNftables(
        where,
        "there is no nf_tables, so there can be neither Services nor policies",
        mend="sudo modprobe nf_tables",
    )


def _no_conntrack(where: str) -> NotSupported:
    return errors.NoConntrack(
        where,
        "connections are not tracked, so nothing can be translated",
        mend="sudo modprobe nf_conntrack",
    )


def _no_right(lacking: tuple[str, ...]) -> NotSupported:
    return errors.NoRight(
        "this process",
        f"root here lacks {', '.join(f'CAP_{name}' for name in lacking)}",
        mend="in a container: --privileged, or --cap-add for each; rootless ones can't",
    )


def _no_sysctls() -> NotSupported:
    return errors.ReadOnlySysctls(
        "/proc/sys/net",
        "is read-only here, so no namespace can be set up",
        mend="in a container: --privileged, or --security-opt systempaths=unconfined",
    )


def probe() -> Capabilities:
    """Try everything; about 20 ms. Without root nothing can be tried, and ``namespaces`` is False."""
    tried: dict[str, bool] = {}
    thread = threading.Thread(target=lambda: tried.update(_try_in_new_namespace()), name="probe")
    thread.start()
    thread.join()
    release = os.uname().release
    numbers = re.match(r"(\d+)\.(\d+)", release)
    try:
        cgroup2: Path | None = cgroup2_root()
    except errors.NoCgroup2:
        cgroup2 = OWN_HOME if can_be_mounted() else None
    return Capabilities(
        kernel=(int(numbers[1]), int(numbers[2])) if numbers else (0, 0),
        release=release,
        cgroup2=cgroup2,
        btf=Path("/sys/kernel/btf/vmlinux").exists(),
        overlayfs=has_overlayfs(),
        lacking=_lacking(),
        sysctls=_sysctls_can_be_written(),
        **{name: tried.get(name, False) for name in _TRIED},
    )


_TRIED = (
    "namespaces", "veth", "bridge", "vxlan", "nftables", "conntrack", "bridge_netfilter", "ipv6", "netem"
)  # fmt: skip


def _try_in_new_namespace() -> Iterator[tuple[str, bool]]:
    """In a thread of its own: the namespace goes when the thread ends."""
    try:
        syscalls.unshare(syscalls.CLONE_NEWNET)
    except OSError:
        return
    yield "namespaces", True
    with BatchSocket("a namespace made for trying") as link:
        yield "bridge", _does(link, link_order.try_link("bridge", "try0"))
        yield "veth", _does(link, link_order.try_link("veth", "try1"))
        yield "vxlan", _knows(link, link_order.try_link("vxlan", "try2"))
        yield "netem", _knows(link, link_order.try_qdisc("netem", 1))
    yield "nftables", _answers(_GET_GENERATION)
    _answers(_GET_TRACKING_STATS)  # loads conntrack where it is a module
    yield "conntrack", bool(sysctl.read("netfilter/nf_conntrack_max"))
    hooks = bool(sysctl.read("bridge/bridge-nf-call-iptables"))
    yield "bridge_netfilter", hooks and not is_denied(Ability.BRIDGE_NETFILTER)
    yield "ipv6", not is_denied(Ability.IPV6) and _has_ipv6()


def _does(link: BatchSocket, order: Order) -> bool:
    try:
        link.send([order])
    except KernelError:
        return False
    return True


def _knows(link: BatchSocket, order: Order) -> bool:
    """The kernel knows the kind, and only misses its parameters (EINVAL)."""
    try:
        link.send([order])
    except KernelError as error:
        return error.kernel.startswith(errno.errorcode[errno.EINVAL])
    return True


def _answers(request: int) -> bool:
    """Does a subsystem of nfnetlink answer a question? One that is absent answers EINVAL."""
    header = struct.pack("=IHHII", 20, request, 0x1 | 0x4, 1, 0)  # NLM_F_REQUEST | NLM_F_ACK
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NFNETLINK) as asked:
            asked.settimeout(2)
            asked.send(header + struct.pack("=BBH", socket.AF_UNSPEC, 0, 0))
            answer = asked.recv(65536)
    except OSError:
        return False
    kind = struct.unpack_from("=H", answer, 4)[0]
    return bool(kind != 2 or struct.unpack_from("=i", answer, 16)[0] == 0)  # NLMSG_ERROR with an errno


def _has_ipv6() -> bool:
    if not sysctl.read("ipv6/conf/all/disable_ipv6"):
        return False
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True


_NEEDED = (
    "CHOWN",
    "DAC_OVERRIDE",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "NET_ADMIN",
    "NET_RAW",
    "SYS_ADMIN",
    "MKNOD",
)


_EVERY_USER = "4294967295"


def _lacking() -> tuple[str, ...]:
    """Needed capabilities that the process has not, though it is root; another user lacks root itself."""
    if os.geteuid() != 0:
        return ()
    if Path("/proc/self/uid_map").read_text().split()[-1] != _EVERY_USER:
        # It has every name and no device, no mount of the machine's: seen to fail half-way up.
        return ("SYS_ADMIN of the machine: it is root of a user namespace",)
    status = Path("/proc/self/status").read_text()
    have = int(status.partition("CapEff:")[2].split()[0], 16)
    return tuple(name for name in _NEEDED if not have >> CAPABILITY_NUMBERS[name] & 1)


def _sysctls_can_be_written() -> bool:
    try:
        os.close(os.open(f"{sysctl.ROOT}/ipv4/ip_forward", os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno != errno.EROFS
    return True
