"""ResourceQuota: what would exceed a quota of its namespace is refused, and what is let through counts at once."""

from control.api.admission.attempt import Attempt, Operation
from control.api.objects import key_of
from control.api.quota import Quota, QuotaLedger, listed
from control.api.refusals import forbidden
from control.api.request import Json
from control.schema.quota import MUST_BE_NAMED, NOTHING, Charge, charge_of, selects, unnamed
from control.store.contract import Key


class ResourceQuotaAdmission:
    """The last plug-in, as upstream: whatever comes after it could leave a count of what was never stored.

    Unlike upstream it does not wait for a controller to fill in a new quota's status: the ledger knows at once.
    """

    def __init__(self, ledger: QuotaLedger) -> None:
        self._ledger = ledger

    def admit(self, attempt: Attempt) -> None:
        """Reserve what the object uses; undone when the write fails. Raises Forbidden."""
        new = attempt.new
        if new is None or not attempt.row.namespaced or attempt.subresource not in ("", "resize"):
            return
        quotas = self._ledger.quotas(attempt.namespace)
        if not quotas:
            return
        key = key_of(attempt.row, attempt.namespace, attempt.name)
        charge, before = charge_of(key.resource, new), NOTHING
        if attempt.operation is Operation.UPDATE:
            before = self._ledger.charge(key)
        for quota in quotas:
            if attempt.operation is Operation.CREATE and key.resource == "/pods":
                self._check_named(attempt, new, quota, charge)
            self._check(attempt, quota, charge, before)
        self._reserve(attempt, key, charge)

    def _reserve(self, attempt: Attempt, key: Key, charge: Charge) -> None:
        self._ledger.set(key, charge)
        attempt.undo.append(lambda: self._ledger.refresh(key))

    @staticmethod
    def _check_named(attempt: Attempt, pod: Json, quota: Quota, charge: Charge) -> None:
        """Where a quota bounds CPU or memory, each container has to say how much of it it wants."""
        if not selects(quota.spec, charge) or (pod["spec"].get("resources") or {}):
            return
        missing = unnamed(pod, MUST_BE_NAMED & quota.hard.keys())
        if missing:
            told = "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))
            raise forbidden(attempt.row, attempt.name, f"failed quota: {quota.name}: must specify {told}")

    @staticmethod
    def _check(attempt: Attempt, quota: Quota, charge: Charge, before: Charge) -> None:
        wanted, had = quota.counted(charge), quota.counted(before)
        more = {name: amount - had.get(name, 0) for name, amount in wanted.items()}
        exceeded = {
            name: amount
            for name, amount in more.items()
            if amount > 0 and quota.used[name] + amount > quota.hard[name]
        }
        if exceeded:
            used = {name: quota.used[name] for name in exceeded}
            hard = {name: quota.hard[name] for name in exceeded}
            why = (
                f"exceeded quota: {quota.name}, requested: {listed(exceeded)}, used: {listed(used)},"
                f" limited: {listed(hard)}"
            )
            raise forbidden(attempt.row, attempt.name, why)
