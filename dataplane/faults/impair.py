"""Slow links: tbf, and netem where the kernel has it."""

from dataplane.faults.act import Shaped
from dataplane.faults.missing import no_netem
from dataplane.host.capabilities import probe
from dataplane.netlink import qdisc
from dataplane.netlink.socket import RouteHandle


def shape(act: Shaped) -> None:
    """Slow what leaves by a link. Raises NoNetem, LinkError."""
    if act.kind == "netem":
        must_have_netem()
    with RouteHandle(act.netns) as handle:
        if act.rate_bit:
            qdisc.throttle(handle, act.link, act.rate_bit)
        else:
            qdisc.delay(handle, act.link, act.delay_ms, act.jitter_ms)


def must_have_netem() -> None:
    """NoNetem where this kernel can't delay packets."""
    if not probe().netem:
        raise no_netem()
