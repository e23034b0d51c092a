"""Why packets are lost: a closed list, and what the kernel's own reasons (enum skb_drop_reason) mean in its words."""

from collections.abc import Mapping
from enum import StrEnum

from dataplane.observe.journey import Death


class Cause(StrEnum):
    """The closed list."""

    POLICY = "default deny"
    NOT_KNOWN_YET = "no pod at that address"
    FORGED = "forged source"
    NO_ENDPOINTS = "no endpoints"
    LOCAL_ONLY = "Local without a local endpoint"
    UNALLOCATED = "unallocated ClusterIP"
    UNDEFINED_PORT = "undefined port"
    INVALID = "conntrack calls it INVALID"
    FAULT = "a fault that podwire made"
    FOREIGN_RULE = "a rule that is not podwire's"
    NO_ROUTE = "no route"
    RP_FILTER = "rp_filter"
    TTL = "TTL"
    MTU = "MTU"
    QUEUE = "queue"
    NO_LISTENER = "no listener"
    DEAD_LINK = "dead link"
    STALE_CONNTRACK = "stale conntrack"
    CHECKSUM = "checksum"
    CONNECTION = "not of its connection"
    HEADER = "bad header"
    ANSWER_LOST = "the answer was lost"
    UNKNOWN = "unknown"


_SOURCE = Cause.RP_FILTER, "its source is not where packets to it would go (rp_filter)"
_TTL = Cause.TTL, "its TTL ran out"
_TOO_BIG = Cause.MTU, "it is larger than the next link takes, and may not be cut"
_NO_WAY = Cause.NO_ROUTE, "no route leads to it from here"
_ADDRESS = Cause.NO_ROUTE, "its address is not one that this host may take"
_SOCKET_FULL = Cause.QUEUE, "the receiver's buffer is full"
_QUEUE = Cause.QUEUE, "the link's queue is full"
_NEIGHBOUR = Cause.DEAD_LINK, "the next hop does not say its MAC address: nobody there answers"
_WAITING = Cause.QUEUE, "too many packets wait there for the next hop's MAC address"
_OFF = Cause.DEAD_LINK, "the link that it was to take is down"
_SUM = Cause.CHECKSUM, "its checksum is wrong"
_HEADER = Cause.HEADER, "its header makes no sense"
_CONNECTION = Cause.CONNECTION, "it does not fit into its TCP connection"
_TRACKED = Cause.FOREIGN_RULE, "a packet filter dropped it"

REASONS: dict[str, tuple[Cause, str]] = {
    "NO_SOCKET": (Cause.NO_LISTENER, "nobody listens on that port"),
    "TCP_CLOSE": (Cause.NO_LISTENER, "the socket there is closed"),
    "SOCKET_CLOSE": (Cause.NO_LISTENER, "the socket there was closed"),
    "IP_NOPROTO": (Cause.NO_LISTENER, "nobody there takes that protocol"),
    "IP_RPFILTER": _SOURCE,
    "IP_LOCAL_SOURCE": (Cause.RP_FILTER, "its source is an address of the receiver itself"),
    "IP_INVALID_SOURCE": (Cause.RP_FILTER, "its source is no address that may send"),
    "IP_INNOROUTES": _NO_WAY,
    "IP_OUTNOROUTES": _NO_WAY,
    "IP_INADDRERRORS": _ADDRESS,
    "IP_INVALID_DEST": _ADDRESS,
    "IP_LOCALNET": _ADDRESS,
    "IPV6DISABLED": (Cause.NO_ROUTE, "IPv6 is off on that link"),
    "PKT_TOO_BIG": _TOO_BIG,
    "SOCKET_RCVBUFF": _SOCKET_FULL,
    "SOCKET_BACKLOG": _SOCKET_FULL,
    "PROTO_MEM": _SOCKET_FULL,
    "TCP_LISTEN_OVERFLOW": (Cause.QUEUE, "the listener's queue is full"),
    "QDISC_DROP": _QUEUE,
    "QDISC_OVERLIMIT": _QUEUE,
    "QDISC_CONGESTED": _QUEUE,
    "FULL_RING": _QUEUE,
    "CPU_BACKLOG": (Cause.QUEUE, "the processor's queue of received packets is full"),
    "NOMEM": (Cause.QUEUE, "the kernel has no memory for it"),
    "NEIGH_FAILED": _NEIGHBOUR,
    "NEIGH_CREATEFAIL": _NEIGHBOUR,
    "NEIGH_DEAD": _NEIGHBOUR,
    "NEIGH_HH_FILLFAIL": _NEIGHBOUR,
    "NEIGH_QUEUEFULL": _WAITING,
    "DEV_READY": _OFF,
    "DEV_HDR": _OFF,
    "NO_TX_TARGET": (Cause.DEAD_LINK, "no port leads to its MAC address"),
    "BRIDGE_INGRESS_STP_STATE": (Cause.DEAD_LINK, "the bridge's port does not forward"),
    "VXLAN_VNI_NOT_FOUND": (Cause.DEAD_LINK, "nobody there has a tunnel of that number"),
    "VXLAN_INVALID_HDR": _HEADER,
    "MAC_INVALID_SOURCE": (Cause.FORGED, "its source MAC address is the receiver's own, or none"),
    "NETFILTER_DROP": _TRACKED,
    "TC_INGRESS": (Cause.FOREIGN_RULE, "a program or filter at the link (tc) dropped it"),
    "TC_EGRESS": (Cause.FOREIGN_RULE, "a program or filter at the link (tc) dropped it"),
    "XDP": (Cause.FOREIGN_RULE, "a program at the link (XDP) dropped it"),
    "BPF_CGROUP_EGRESS": (Cause.FOREIGN_RULE, "a program of its cgroup dropped it"),
    "SECURITY_HOOK": (Cause.FOREIGN_RULE, "a security module dropped it"),
    "XFRM_POLICY": (Cause.FOREIGN_RULE, "an IPsec policy dropped it"),
    "TCP_MINTTL": _TTL,
    **dict.fromkeys(("TCP_CSUM", "UDP_CSUM", "IP_CSUM", "SKB_CSUM", "ICMP_CSUM"), _SUM),
    **dict.fromkeys(("PKT_TOO_SMALL", "HDR_TRUNC", "INVALID_PROTO", "IPV6_BAD_EXTHDR", "FRAG_REASM_TIMEOUT", "FRAG_TOO_FAR", "DUP_FRAG", "UNICAST_IN_L2_MULTICAST"), _HEADER),
}  # fmt: skip
"""By the kernel's name, without SKB_DROP_REASON_: the cause and one sentence. What is not here says nothing."""

_FUNCTIONS = {
    "ip_error": _NO_WAY,
    "ip6_pkt_drop": _NO_WAY,
    "ip6_pkt_discard": _NO_WAY,
    "neigh_invalidate": _NEIGHBOUR,
}
"""What a function stands for where it gives no reason: routes that are `unreachable` or `prohibit`, an IPv6
neighbour that answers no solicitation.
"""

_ORDINARY = {
    "OTHERHOST", "SOCKET_FILTER", "QUEUE_PURGE", "TCP_OLD_SEQUENCE", "TCP_OLD_DATA", "TCP_OLD_ACK", "TCP_OFOMERGE",
    "TCP_RESET", "TCP_TOO_OLD_ACK", "UNHANDLED_PROTO", "IPV6_NDISC_NS_OTHERHOST", "PACKET_SOCK_ERROR", "CONSUMED",
    "TCP_RFC7323_PAWS_ACK", "TCP_RFC7323_TW_PAWS",
}  # fmt: skip


_COUNTS = (
    ("IPReversePathFilter", Cause.RP_FILTER, "its source is not where packets to it would go (rp_filter)"),
    ("NoRoutes", Cause.NO_ROUTE, "no route leads to it from here"),
    ("InAddrErrors", Cause.NO_ROUTE, "its address is not one that this host may take"),
    ("InTooBigErrors", Cause.MTU, "it is larger than the next link takes, and may not be cut"),
    ("FragFails", Cause.MTU, "it is larger than the next link takes, and may not be cut"),
    ("InHdrErrors", Cause.TTL, "its TTL ran out"),
    ("ListenOverflows", Cause.QUEUE, "the listener's queue is full"),
    ("ListenDrops", Cause.QUEUE, "the listener dropped it"),
    ("NoPorts", Cause.NO_LISTENER, "nobody listens on that port"),
    ("RcvbufErrors", Cause.QUEUE, "the receiver's buffer is full"),
    ("Discards", Cause.QUEUE, "the kernel discarded it"),
)
"""The same by parts of names in /proc/net/snmp, netstat and snmp6."""


def counted(grown: Mapping[str, int]) -> tuple[Cause, str] | None:
    """The first cause that counts which grew stand for; None for none. Counts of links (``dev.…``) say nothing."""
    for part, cause, said in _COUNTS:
        if any(part in name for name in grown if not name.startswith("dev.")):
            return cause, said
    return None


def is_ordinary(reason: str) -> bool:
    """No loss for anybody: copies that a bridge flooded, answered keepalives, data that came twice, a TCP reset that
    has done its work, what a closed socket still held.
    """
    return reason in _ORDINARY


def meaning(reason: str, where: str, *, ttl: int | None = None) -> tuple[Cause, str]:
    """The cause and its sentence of a reason that the kernel gave in a function.

    ttl: of the packet, if known: the kernel has one reason for a bad header and for a TTL that ran out.
    """
    if reason == "IP_INHDR":
        return _TTL if ttl is None or ttl <= 1 else _HEADER
    if reason in REASONS:
        return REASONS[reason]
    if reason.startswith("TCP_"):
        return _CONNECTION
    if where in _FUNCTIONS:
        return _FUNCTIONS[where]
    return Cause.UNKNOWN, f"the kernel gave it up in {where}, and said no reason that podwire knows"


def meaning_of(death: Death) -> tuple[Cause, str]:
    """The same of a death on a journey."""
    return meaning(death.reason, death.where, ttl=death.ttl)
