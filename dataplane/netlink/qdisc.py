"""Queueing disciplines at a link's root: a token bucket (tbf) and netem, as tc has them."""

import errno

from dataplane.errors import LinkError
from dataplane.netlink import link
from dataplane.netlink.socket import RouteHandle

_LEAST_BURST = 20_000  # bytes: more than a dozen frames, so that a slow link still takes a large one
_BURSTS_PER_S = 100
_QUEUE = "100ms"
_ROOT = 0xFFFFFFFF  # TC_H_ROOT
_US = 1000  # microseconds in a millisecond


def throttle(handle: RouteHandle, name: str, rate_bit: int) -> None:
    """What leaves by the link goes at most at this rate (bit/s); 100 ms of it wait, the rest is dropped."""
    rate_bytes = max(1, rate_bit // 8)
    burst = max(_LEAST_BURST, rate_bytes // _BURSTS_PER_S)
    index = _index(handle, name)
    handle.call(
        f"tbf at {name}",
        lambda ip: ip.tc("replace", "tbf", index, rate=rate_bytes, burst=burst, latency=_QUEUE),
    )


def delay(handle: RouteHandle, name: str, delay_ms: float, jitter_ms: float) -> None:
    """What leaves by the link waits so long. Raises NotSupported where the kernel has no netem."""
    index = _index(handle, name)
    times = {"delay": int(delay_ms * _US), "jitter": int(jitter_ms * _US)}
    handle.call(f"netem at {name}", lambda ip: ip.tc("add", "netem", index, **times))


def kind(handle: RouteHandle, name: str) -> str:
    """The kind at the link's root; "" for a link that is not there."""
    found = link.find(handle, name)
    if found is None:
        return ""
    for message in handle.dump("get_qdiscs", index=found.index):
        if message["index"] == found.index and message["parent"] == _ROOT:
            return str(message.get_attr("TCA_KIND") or "")
    return "noqueue"


def clear(handle: RouteHandle, name: str, of_kind: str) -> bool:
    """Take a discipline of that kind away; False when the link has none such."""
    if kind(handle, name) != of_kind:
        return False
    index = _index(handle, name)
    handle.call(
        f"no {of_kind} at {name}",
        lambda ip: ip.tc("del", index=index, parent=_ROOT),
        answers={errno.ENOENT, errno.ENODEV},
    )
    return True


def _index(handle: RouteHandle, name: str) -> int:
    found = link.find(handle, name)
    if found is None:
        raise LinkError(handle.netns, f"there is no link {name}")
    return found.index
