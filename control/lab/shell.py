"""This process moves into a place of a lab: its network, its names, and the lab's cgroup."""

import os
import tempfile
from pathlib import Path

from control.lab.places import Place
from control.lab.plan import LabPlan
from dataplane.host.cgroup import LabCgroup
from dataplane.netns import enter, syscalls

_CLONE_NEWNET, _CLONE_NEWNS = 0x40000000, 0x00020000
_MS_REC, _MS_PRIVATE, _MS_SLAVE, _MS_BIND = 0x4000, 1 << 18, 1 << 19, 4096
_MNT_DETACH = 2


def enter_place(plan: LabPlan, place: Place) -> None:
    """Enter the network namespace for good; /etc/resolv.conf and /sys become the place's, for this process only.

    The process joins the lab's cgroup, so that `down` ends it, too.
    """
    LabCgroup(plan.name).enter("exec")
    descriptor = enter.pin(place.netns)
    syscalls.setns(descriptor, _CLONE_NEWNET)
    os.close(descriptor)
    syscalls.unshare(_CLONE_NEWNS)
    syscalls.mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    syscalls.mount("sysfs", "/sys", "sysfs", 0)
    _use_resolv_conf(resolv_conf(plan, place))


def resolv_conf(plan: LabPlan, place: Place) -> str:
    """What a pod of the place's namespace resolves with; nodes and the internet ask the internet."""
    if place.pod is None:
        return "nameserver 8.8.8.8\n"
    domain = plan.spec.cluster_domain
    namespace = place.pod["metadata"]["namespace"]
    return (
        f"search {namespace}.svc.{domain} svc.{domain} {domain}\nnameserver {plan.dns_ip}\noptions ndots:5\n"
    )


def _use_resolv_conf(text: str) -> None:
    """Bind a file over /etc/resolv.conf in this process's mount namespace; the file itself is gone at once."""
    descriptor, path = tempfile.mkstemp(prefix="podwire-resolv-")
    try:
        os.write(descriptor, text.encode())
        os.fchmod(descriptor, 0o644)
        target = Path("/etc/resolv.conf").resolve()
        if target.exists():
            syscalls.mount(path, str(target), None, _MS_BIND)
    finally:
        os.close(descriptor)
        Path(path).unlink()
