"""The scheduler's loop: take a pod, choose its node, assume it there, bind it in the background."""

import asyncio
from dataclasses import replace
from random import Random

from control.client.client import ApiClient
from control.client.clock import Clock, SystemClock
from control.client.events import EventRecorder
from control.client.informer import Informer
from control.client.resources import NAMESPACES, NODES, PODS
from control.scheduler.bind import Binder
from control.scheduler.cluster import ClusterState
from control.scheduler.config import SchedulerConfig
from control.scheduler.filters import filter_nodes, message
from control.scheduler.pod_info import PodInfo, pod_info
from control.scheduler.queue import SchedulingQueue, Waiting
from control.scheduler.requests import Object
from control.scheduler.scores import best_node

_FLUSH_S = 30.0
_POD_CAME = ("InterPodAffinity", "PodTopologySpread")
_POD_WENT = ("NodeResourcesFit", "NodePorts", "InterPodAffinity", "PodTopologySpread")


class Scheduler:
    """Keeps the cluster's state from watches and places waiting pods one after the other."""

    def __init__(self, client: ApiClient, config: SchedulerConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self.cluster = ClusterState()
        self.queue = SchedulingQueue(config, clock)
        self._events = EventRecorder(client, config.name, clock=clock)
        self._binder = Binder(client, self._events, clock)
        self._pods = Informer(client, PODS, clock=clock)
        self._nodes = Informer(client, NODES, clock=clock)
        self._namespaces = Informer(client, NAMESPACES, clock=clock)
        self._nodes.on_change(self._node_changed)
        self._namespaces.on_change(self._namespace_changed)
        self._pods.on_change(self._pod_changed)
        self._random = Random()
        self._binding = asyncio.Semaphore(config.bindings)

    async def run(self) -> None:
        """Place pods until cancelled."""
        informers = (self._nodes, self._namespaces, self._pods)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._events.run(), name="scheduler events")
            for informer in informers:
                group.create_task(informer.run(), name=f"scheduler informer {informer.resource.plural}")
            for informer in informers:
                await informer.synced.wait()
            group.create_task(self._flush(), name="scheduler flush")
            while True:
                waiting = await self.queue.pop()
                await self._binding.acquire()
                self._place(waiting, group)

    async def _flush(self) -> None:
        while True:
            await self._clock.sleep(_FLUSH_S)
            self.queue.flush()

    def _place(self, waiting: Waiting, group: asyncio.TaskGroup) -> None:
        """Choose a node for a pod; the rest, which waits for the API, is a task of its own.

        The caller holds one place of ``bindings``; the task gives it back.
        """
        pod, moves = waiting.pod, self.queue.moves
        filtered = filter_nodes(self.cluster, pod)
        if not filtered.fitting:
            text = message(len(self.cluster.nodes), filtered.refused)
            plugins = {refusal.plugin for refusal in filtered.refused.values()} or {"NoNodes"}
            self.queue.failed(waiting, plugins, moves)
            group.create_task(self._refuse(pod, text), name=f"refuse {pod.key}")
            return
        node = best_node(self.cluster, pod, filtered.fitting, self._random)
        self.cluster.put_pod(replace(pod, node=node.name))
        group.create_task(self._bind(waiting, node.name), name=f"bind {pod.key}")

    async def _refuse(self, pod: PodInfo, text: str) -> None:
        try:
            obj = self._pods.items.get(pod.key)
            if obj is not None:
                await self._binder.refuse(obj, text)
        finally:
            self._binding.release()

    async def _bind(self, waiting: Waiting, node: str) -> None:
        pod = waiting.pod
        try:
            obj = self._pods.items.get(pod.key)
            if obj is not None and await self._binder.bind(obj, node):
                self.queue.remove(pod.uid)
                return
            # The answer may be lost although the binding was done; then its event has been here already.
            now = self._pods.items.get(pod.key)
            if now is not None and now["spec"].get("nodeName"):
                return
            if self.cluster.node_of(pod.uid) == node:
                self.cluster.remove_pod(pod.uid)
            self.queue.failed(waiting, (), self.queue.moves)
            self.queue.moved(_POD_WENT)
        finally:
            self._binding.release()

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            if self.cluster.put_node(new):
                self.queue.moved()
        elif old is not None:
            self.cluster.remove_node(old["metadata"]["name"])

    def _namespace_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self.cluster.namespace_labels[new["metadata"]["name"]] = new["metadata"].get("labels") or {}
        elif old is not None:
            self.cluster.namespace_labels.pop(old["metadata"]["name"], None)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and (new is None or new["metadata"]["uid"] != old["metadata"]["uid"]):
            self._forget(old["metadata"]["uid"])
        if new is None:
            return
        if _is_finished(new):
            self._forget(new["metadata"]["uid"])
        elif new["spec"].get("nodeName"):
            self._placed(old, new)
        elif self._is_ours(new):
            # A status of our own making is no reason to try again.
            if old is None or _asks(old) != _asks(new):
                self.queue.add(pod_info(new))
        else:
            self.queue.remove(new["metadata"]["uid"])

    def _placed(self, old: Object | None, new: Object) -> None:
        uid = new["metadata"]["uid"]
        self.queue.remove(uid)
        known = self.cluster.node_of(uid) == new["spec"]["nodeName"]
        if known and old is not None and old["spec"].get("nodeName") and _asks(old) == _asks(new):
            return
        self.cluster.put_pod(pod_info(new))
        self.queue.moved(_POD_CAME)

    def _forget(self, uid: str) -> None:
        self.queue.remove(uid)
        if self.cluster.remove_pod(uid) is not None:
            self.queue.moved(_POD_WENT)

    def _is_ours(self, pod: Object) -> bool:
        spec = pod["spec"]
        name = spec.get("schedulerName") or "default-scheduler"
        return (
            name == self._config.name
            and not spec.get("schedulingGates")
            and not pod["metadata"].get("deletionTimestamp")
        )


def _is_finished(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _asks(pod: Object) -> tuple[object, ...]:
    """All of a pod that placing it (or counting it) depends on."""
    metadata = pod["metadata"]
    return metadata.get("labels"), metadata.get("deletionTimestamp"), pod["spec"]


async def run_scheduler(client: ApiClient, config: SchedulerConfig, *, clock: Clock | None = None) -> None:
    """Place pods until cancelled. client: as system:kube-scheduler, entered already."""
    await Scheduler(client, config, clock or SystemClock()).run()
