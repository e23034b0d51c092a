"""All controllers in one process: shared informers, one TaskGroup."""

import asyncio

from control.client.client import ApiClient
from control.client.clock import Clock, SystemClock
from control.client.events import EventRecorder
from control.client.resources import (
    CONFIGMAPS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    NAMESPACES,
    NODES,
    PODS,
    REPLICASETS,
    SERVICEACCOUNTS,
    SERVICES,
)
from control.controllers.config import ControllerConfig
from control.controllers.daemonset import DaemonSetController
from control.controllers.deployment import DeploymentController
from control.controllers.endpointslice import EndpointSliceController
from control.controllers.garbage import GarbageController
from control.controllers.job import JobController
from control.controllers.namespace import NamespaceController
from control.controllers.node_lifecycle import NodeLifecycleController
from control.controllers.podgc import PodCollector
from control.controllers.replicaset import ReplicaSetController
from control.controllers.serviceaccount import ServiceAccountController
from control.controllers.shared import SharedInformers
from control.controllers.statefulset import StatefulSetController
from control.controllers.taint_eviction import TaintEvictionController

_GARBAGE_FIRST = (
    PODS, REPLICASETS, DEPLOYMENTS, SERVICES, ENDPOINTSLICES, CONFIGMAPS, SERVICEACCOUNTS, NODES, NAMESPACES,
)  # fmt: skip


async def run_controllers(client: ApiClient, config: ControllerConfig, *, clock: Clock | None = None) -> None:
    """Run every controller until cancelled.

    client: as system:kube-controller-manager, entered already.
    """
    time = clock or SystemClock()
    informers = SharedInformers(client, time)
    deployments = EventRecorder(client, "deployment-controller", clock=time)
    replica_sets = EventRecorder(client, "replicaset-controller", clock=time)
    daemon_sets = EventRecorder(client, "daemonset-controller", clock=time)
    jobs = EventRecorder(client, "job-controller", clock=time)
    stateful_sets = EventRecorder(client, "statefulset-controller", clock=time)
    nodes = EventRecorder(client, "node-controller", clock=time)
    evictions = EventRecorder(client, "taint-eviction-controller", clock=time)
    lifecycle = NodeLifecycleController(client, informers, nodes, config, time)
    garbage = GarbageController(client, informers, time)
    garbage.watch(_GARBAGE_FIRST)
    controllers = [
        DeploymentController(client, informers, deployments, time),
        ReplicaSetController(client, informers, replica_sets, time),
        DaemonSetController(client, informers, daemon_sets, time),
        JobController(client, informers, jobs, time),
        StatefulSetController(client, informers, stateful_sets, time),
        EndpointSliceController(client, informers, time),
        NamespaceController(client, informers, time),
        ServiceAccountController(client, informers, config.ca_pem, time),
        TaintEvictionController(client, informers, evictions, time),
        lifecycle,
        garbage,
    ]
    collector = PodCollector(client, informers, config, time)
    async with asyncio.TaskGroup() as group:
        informers.start(group)
        for recorder in (deployments, replica_sets, daemon_sets, jobs, stateful_sets, nodes, evictions):
            group.create_task(recorder.run(), name="events")
        await informers.wait()
        for controller in controllers:
            group.create_task(controller.run(config.workers), name=controller.name)
        group.create_task(lifecycle.monitor(), name="node monitor")
        group.create_task(collector.run(), name="pod collector")
        group.create_task(garbage.follow_kinds(group), name="garbage kinds")
