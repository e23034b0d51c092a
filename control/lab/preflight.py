"""What must be true of the machine before anything is made."""

import os
from dataclasses import dataclass

from control.errors import MachineTooSmall, SpecInvalid
from control.lab.spec import LabSpec
from dataplane import patience
from dataplane.errors import NotSupported
from dataplane.faults.missing import no_netem
from dataplane.host.capabilities import Capabilities, probe
from dataplane.host.limits import Need, check


@dataclass(frozen=True, slots=True)
class Checked:
    """A machine that can carry the lab. capabilities: what was found."""

    capabilities: Capabilities

    @property
    def ipv6(self) -> bool:
        """Has the kernel IPv6?"""
        return self.capabilities.ipv6


def preflight(spec: LabSpec) -> Checked:
    """Check kernel and limits; NotSupported or MachineTooSmall name what is missing, nothing is made."""
    if patience.factor() is None:
        raise SpecInvalid(
            f"{patience.VARIABLE}={os.environ[patience.VARIABLE]} is no number from 1 to 1000.",
            f"{patience.VARIABLE}=20, on a machine that is 20 times as slow as others",
        )
    found = probe()
    for missing in found.missing(overlay=spec.overlay):
        raise missing
    if spec.dual_stack and not found.ipv6:
        raise NotSupported(
            "this kernel",
            "lab.yaml asks for dualStack and there is no IPv6",
            mend="dualStack: false in lab.yaml",
        )
    if not found.netem and any(fault.kind == "delay" for fault in spec.faults):
        raise no_netem()
    nodes = len(spec.nodes)
    for short in check(Need(nodes=nodes, pods=min(nodes * spec.pods_per_node, 500))):
        raise MachineTooSmall(str(short), short.mend)
    return Checked(found)
