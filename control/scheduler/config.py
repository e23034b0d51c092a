"""What the scheduler is told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """Settings of the scheduler; the defaults are upstream's.

    name: pods with this spec.schedulerName are ours.
    backoff_initial_s, backoff_max_s: wait of a pod that could not be placed, doubled each time.
    unschedulable_flush_s: a pod is tried again after this long even when no event called for it.
    bindings: bindings in flight at once.
    """

    name: str = "default-scheduler"
    backoff_initial_s: float = 1.0
    backoff_max_s: float = 10.0
    unschedulable_flush_s: float = 300.0
    bindings: int = 16
