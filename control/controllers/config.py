"""What the controllers are told: the cluster's CA and the node controller's periods."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ControllerConfig:
    """Settings of the controllers' process; the defaults are upstream's.

    ca_pem: the cluster's CA, published as ConfigMap kube-root-ca.crt in each namespace.
    node_monitor_period_s: how often node leases are looked at (``--node-monitor-period``).
    node_monitor_grace_s: silence after which a node is Unknown (``--node-monitor-grace-period``, 50 s
    since 1.32). node_startup_grace_s: the same for a node that never reported.
    node_eviction_rate: nodes a second that the NoExecute taint is put on (``--node-eviction-rate``).
    pod_gc_period_s: how often pods whose node is gone are looked for; pod_gc_quarantine_s: how long a
    node must be gone for that.
    terminated_pods_kept: finished pods beyond this number are deleted, oldest first.
    workers: reconciles that one controller runs side by side.
    """

    ca_pem: str = ""
    node_monitor_period_s: float = 5.0
    node_monitor_grace_s: float = 50.0
    node_startup_grace_s: float = 60.0
    node_eviction_rate: float = 0.1
    pod_gc_period_s: float = 20.0
    pod_gc_quarantine_s: float = 40.0
    terminated_pods_kept: int = 12500
    workers: int = 5
