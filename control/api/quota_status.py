"""Writes ResourceQuotas' status as the ledger's counts change."""

import asyncio
import logging

from control.api.admission.attempt import WriteOptions
from control.api.quota import QuotaLedger
from control.api.request import Json
from control.api.write import Target, Writer
from control.errors import ApiError, NotFound
from control.schema.resource import Registry
from control.store.contract import Key, Store

log = logging.getLogger(__name__)


class QuotaStatus:
    """One task: changes that come while a write is under way are written together by the next one."""

    def __init__(self, rows: Registry, ledger: QuotaLedger, store: Store, writer: Writer) -> None:
        row = rows.by_kind("v1", "ResourceQuota")
        assert row is not None
        self._row, self._ledger, self._store, self._writer = row, ledger, store, writer
        self._waiting: dict[Key, None] = {}
        self._wake = asyncio.Event()
        ledger.on_change = self._changed

    def _changed(self, key: Key) -> None:
        self._waiting[key] = None
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                key = next(iter(self._waiting))
                del self._waiting[key]
                try:
                    await self._write(key)
                except NotFound:
                    continue
                except ApiError as error:
                    log.warning("status of quota %s/%s: %s", key.namespace, key.name, error)

    async def _write(self, key: Key) -> None:
        quota, entry = self._ledger.quota(key), self._store.get(key)
        if quota is None or entry is None or entry.parsed().get("status") == quota.status():
            return

        def counted(obj: Json) -> Json:
            return {**obj, "status": quota.status()}

        await self._writer.amend(Target(self._row, key.namespace, key.name), counted, WriteOptions())
