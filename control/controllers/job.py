"""Jobs: pods until so many of them have succeeded."""

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.events import EventRecorder
from control.client.resources import JOBS, PODS
from control.client.workqueue import WorkQueue
from control.controllers.job_plan import JobPlan, Tally, plan
from control.controllers.metadata import Object, key_of, uid_of
from control.controllers.ownership import OwnerKind
from control.controllers.pod_control import PodControl, Refusal
from control.controllers.pod_state import phase_of
from control.controllers.shared import OWNER, SharedInformers
from control.errors import NotFound

_KIND = OwnerKind(JOBS, "Job")
_GATHER_S = 0.01


class _Ended:
    """Pods of one Job that have ended: those seen, and how many went before we looked.

    Upstream holds ended pods by a finalizer until they are counted. Here they are counted as they are seen
    to end; only a pod that ends and is deleted while no controller runs goes uncounted.
    """

    def __init__(self, status: Object, pods: list[Object]) -> None:
        self.uids: dict[str, set[str]] = {"Succeeded": set(), "Failed": set()}
        self._earlier = Tally(0, 0)
        seen = self.note(pods)
        self._earlier = Tally(
            max(0, int(status.get("succeeded") or 0) - seen.succeeded),
            max(0, int(status.get("failed") or 0) - seen.failed),
        )

    def note(self, pods: list[Object]) -> Tally:
        """Count what has ended; how many that makes."""
        for pod in pods:
            if phase_of(pod) in self.uids:
                self.uids[phase_of(pod)].add(uid_of(pod))
        succeeded, failed = len(self.uids["Succeeded"]), len(self.uids["Failed"])
        return Tally(self._earlier.succeeded + succeeded, self._earlier.failed + failed)


class JobController(Controller):
    """Watches Jobs and pods; creates and deletes pods."""

    def __init__(
        self, client: ApiClient, informers: SharedInformers, events: EventRecorder, clock: Clock
    ) -> None:
        super().__init__("job", WorkQueue(clock), self.reconcile)
        self._client, self._clock = client, clock
        self._hands = PodControl(client, events, _KIND, clock)
        self._ended: dict[str, _Ended] = {}
        self._jobs = informers.of(JOBS)
        self._pods = informers.of(PODS)
        self._jobs.on_change(self._job_changed)
        self._pods.on_change(self._pod_changed)

    def _job_changed(self, old: Object | None, new: Object | None) -> None:
        if old and (new is None or uid_of(new) != uid_of(old)):
            self._hands.forget(old)
            self._ended.pop(uid_of(old), None)
        if new:
            self.queue.add(key_of(new))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        for key in self._hands.observed(old, new):
            job = self._jobs.items.get(key)
            if job and new and uid_of(job) in self._ended:
                self._ended[uid_of(job)].note([new])
            self.queue.add_after(key, _GATHER_S)

    async def reconcile(self, key: str) -> float | None:
        """One step for the Job of that key."""
        job = self._jobs.items.get(key)
        if job is None:
            return None
        pods = self._pods.by_index(OWNER, uid_of(job))
        if uid_of(job) not in self._ended:
            self._ended[uid_of(job)] = _Ended(job.get("status") or {}, pods)
        tally = self._ended[uid_of(job)].note(pods)
        settled = self._hands.settled(job)
        step = plan(job, pods, tally, self._clock.now().timestamp())
        failure = await self._carry_out(job, step) if settled else None
        await self._write_status(job, step)
        if failure:
            raise failure
        return step.again_s

    async def _carry_out(self, job: Object, step: JobPlan) -> Refusal | None:
        if step.remove:
            metadata = job["metadata"]
            try:
                await self._client.delete(
                    JOBS,
                    metadata["name"],
                    metadata["namespace"],
                    uid=metadata["uid"],
                    propagation="Foreground",
                )
            except NotFound:
                pass
            return None
        if step.delete:
            return await self._hands.delete(job, step.delete)
        return await self._hands.create(job, step.create) if step.create else None

    async def _write_status(self, job: Object, step: JobPlan) -> None:
        if step.remove or step.status == (job.get("status") or {}):
            return
        try:
            await self._client.update(JOBS, {**job, "status": step.status}, subresource="status")
        except NotFound:
            return
        for reason, message, failed in step.events:
            self._hands.tell(job, reason, message, failed=failed)
