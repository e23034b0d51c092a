"""CronJobs: a Job at each time that the schedule names."""

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.controller import Controller
from control.client.events import EventRecorder
from control.client.resources import CRONJOBS, JOBS
from control.client.workqueue import WorkQueue
from control.controllers.cronjob_plan import plan, reference_to
from control.controllers.job_plan import ending
from control.controllers.metadata import Object, controller_of, is_controlled_by, key_of, uid_of
from control.controllers.shared import OWNER, SharedInformers
from control.errors import AlreadyExists, ApiError, NotFound


class CronJobController(Controller):
    """Watches CronJobs and their Jobs; wakes by itself at the next time of each."""

    def __init__(
        self, client: ApiClient, informers: SharedInformers, events: EventRecorder, clock: Clock
    ) -> None:
        super().__init__("cronjob", WorkQueue(clock), self.reconcile)
        self._client, self._events, self._clock = client, events, clock
        self._crons = informers.of(CRONJOBS)
        self._jobs = informers.of(JOBS)
        self._crons.on_change(self._cron_changed)
        self._jobs.on_change(self._job_changed)

    def _cron_changed(self, old: Object | None, new: Object | None) -> None:
        if new:
            self.queue.add(key_of(new))

    def _job_changed(self, old: Object | None, new: Object | None) -> None:
        for job in (old, new):
            owner = controller_of(job) if job else None
            if job and owner and owner.get("kind") == "CronJob":
                self.queue.add(f"{job['metadata']['namespace']}/{owner['name']}")

    async def reconcile(self, key: str) -> float | None:
        """One step for the CronJob of that key."""
        cron = self._crons.items.get(key)
        if cron is None:
            return None
        cron = {"apiVersion": CRONJOBS.api_version, "kind": "CronJob", **cron}
        jobs = await self._with_active(cron, self._jobs.by_index(OWNER, uid_of(cron)))
        step = plan(cron, jobs, self._clock.now().timestamp())
        for job in step.delete:
            await self._delete(job)
        if step.create is not None:
            made = await self._create(cron, step.create)
            if made is not None and not ending(made):
                step.status["active"] = [*(step.status.get("active") or ()), reference_to(made)]
        if step.status != (cron.get("status") or {}):
            try:
                await self._client.update(CRONJOBS, {**cron, "status": step.status}, subresource="status")
            except NotFound:
                return None
        for kind, reason, message in step.events:
            self._events.event(cron, "Warning" if kind == "Warning" else "Normal", reason, message)
        return step.again_s

    async def _with_active(self, cron: Object, jobs: list[Object]) -> list[Object]:
        """With those that the status names and the informer has not heard of yet, asked for one by one."""
        seen = {uid_of(job) for job in jobs}
        found = list(jobs)
        for reference in (cron.get("status") or {}).get("active") or ():
            if reference.get("uid") in seen:
                continue
            try:
                job = await self._client.get(JOBS, reference["name"], cron["metadata"]["namespace"])
            except NotFound:
                continue
            found += [job] if uid_of(job) == reference.get("uid") else []
        return found

    async def _create(self, cron: Object, job: Object) -> Object | None:
        """The Job as stored: ours too when an earlier try made it. Raises ApiError."""
        meta = job["metadata"]
        try:
            made = await self._client.create(JOBS, job, meta["namespace"])
        except AlreadyExists:
            found = await self._client.get(JOBS, meta["name"], meta["namespace"])
            return found if is_controlled_by(found, cron) else None
        except ApiError as error:
            self._events.event(cron, "Warning", "FailedCreate", f"Error creating job: {error}")
            raise
        self._events.event(cron, "Normal", "SuccessfulCreate", f"Created job {meta['name']}")
        return made

    async def _delete(self, job: Object) -> None:
        meta = job["metadata"]
        try:
            await self._client.delete(
                JOBS, meta["name"], meta["namespace"], uid=meta["uid"], propagation="Background"
            )
        except NotFound:
            pass
