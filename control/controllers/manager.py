"""All controllers in one process: shared informers, one TaskGroup."""

import asyncio

from control.client.client import ApiClient
from control.client.clock import Clock, SystemClock
from control.client.controller import Controller
from control.client.events import EventRecorder
from control.client.resources import (
    CONFIGMAPS,
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICASETS,
    SERVICEACCOUNTS,
    SERVICES,
    STATEFULSETS,
)
from control.controllers.config import ControllerConfig
from control.controllers.cronjob import CronJobController
from control.controllers.daemonset import DaemonSetController
from control.controllers.deployment import DeploymentController
from control.controllers.disruption import DisruptionController
from control.controllers.endpoints import EndpointsController
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
    PODS, REPLICASETS, DEPLOYMENTS, DAEMONSETS, STATEFULSETS, JOBS, CRONJOBS, SERVICES, ENDPOINTSLICES, CONFIGMAPS,
    SERVICEACCOUNTS, NODES, NAMESPACES,
)  # fmt: skip


async def run_controllers(client: ApiClient, config: ControllerConfig, *, clock: Clock | None = None) -> None:
    """Run every controller until cancelled.

    client: as system:kube-controller-manager, entered already.
    """
    await ControllerManager(client, config, clock or SystemClock()).run()


class ControllerManager:
    """Makes the controllers, and runs them once their informers have heard all."""

    def __init__(self, client: ApiClient, config: ControllerConfig, clock: Clock) -> None:
        self._client, self._config, self._clock = client, config, clock
        self._recorders: list[EventRecorder] = []
        self._informers = informers = SharedInformers(client, clock)
        self._lifecycle = NodeLifecycleController(
            client, informers, self._recorder("node-controller"), config, clock
        )
        self._garbage = GarbageController(client, informers, clock)
        self._garbage.watch(_GARBAGE_FIRST)
        self._collector = PodCollector(client, informers, config, clock)
        self._controllers: list[Controller] = [
            DeploymentController(client, informers, self._recorder("deployment-controller"), clock),
            ReplicaSetController(client, informers, self._recorder("replicaset-controller"), clock),
            DaemonSetController(client, informers, self._recorder("daemonset-controller"), clock),
            JobController(client, informers, self._recorder("job-controller"), clock),
            CronJobController(client, informers, self._recorder("cronjob-controller"), clock),
            StatefulSetController(client, informers, self._recorder("statefulset-controller"), clock),
            EndpointSliceController(client, informers, clock),
            EndpointsController(client, informers, clock),
            DisruptionController(client, informers, clock),
            NamespaceController(client, informers, clock),
            ServiceAccountController(client, informers, config.ca_pem, clock),
            TaintEvictionController(client, informers, self._recorder("taint-eviction-controller"), clock),
            self._lifecycle,
            self._garbage,
        ]

    def _recorder(self, component: str) -> EventRecorder:
        recorder = EventRecorder(self._client, component, clock=self._clock)
        self._recorders.append(recorder)
        return recorder

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._informers.start(group)
            for recorder in self._recorders:
                group.create_task(recorder.run(), name="events")
            await self._informers.wait()
            for controller in self._controllers:
                group.create_task(controller.run(self._config.workers), name=controller.name)
            group.create_task(self._lifecycle.monitor(), name="node monitor")
            group.create_task(self._collector.run(), name="pod collector")
            group.create_task(self._garbage.follow_kinds(group), name="garbage kinds")
