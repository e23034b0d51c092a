"""How long podwire waits for what should happen at once, before it calls it broken: one factor for slow machines.

``PODWIRE_PATIENCE=20`` multiplies every such wait by 20: under software emulation everything takes 20 to 50 times as
long. It moves no date that Kubernetes promises (probes, leases, grace periods): those are fields of the API and of
lab.yaml. What `up` starts inherits it.
"""

import os

VARIABLE = "PODWIRE_PATIENCE"
LEAST, MOST = 1.0, 1000.0


def patient(seconds: float) -> float:
    """So many seconds on a machine of usual speed, on this one."""
    return seconds * (factor() or LEAST)


def factor() -> float | None:
    """What the environment says; 1 when it says nothing, None when it is no number from 1 to 1000."""
    said = os.environ.get(VARIABLE, "")
    if not said:
        return LEAST
    try:
        value = float(said)
    except ValueError:
        return None
    return value if LEAST <= value <= MOST else None
