"""The support record of requests: kept through a bounded buffer that drops, and counts, rather than slows; found."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from luota_svc.model.call import Call
from luota_svc.model.delivery_reading import Delivery
from luota_svc.model.errors import Unavailable
from luota_svc.model.operators import Role
from luota_svc.model.requests import FoundRequest, RequestRecord
from luota_svc.rules.delivery_telling import cleaned
from luota_svc.store import delivery_reading, requests
from luota_svc.store.database import Database
from luota_svc.telemetry import names
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import admit

log = logging.getLogger(__name__)

BUFFERED_MAX: Final = 4_096
BATCH_MAX: Final = 512
_DELIVERIES_MAX: Final = 100
_RETRY_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 2.0


async def find_requests(at: Installation, call: Call, request_id: str) -> list[FoundRequest]:
    """Find every request that bears the id, ours or a caller's, in the workspaces that one may see; newest first.

    Each with the deliveries that it caused, newest first; at most 100 in all.
    """
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        operator.require_role(Role.VIEWER)
        found = await requests.find(unit, request_id, only=operator.only)
        caused = {one.request_id for one in found}
        told = await delivery_reading.of_requests(unit, caused, only=operator.only, most=_DELIVERIES_MAX)
    return _with_deliveries(found, told)


def _with_deliveries(found: Sequence[FoundRequest], told: Sequence[Delivery]) -> list[FoundRequest]:
    """Show each delivery once: with what reported its incident, for a batch has many records under one request id."""
    shown: defaultdict[int, list[Delivery]] = defaultdict(list)
    for delivery in told:
        places = [place for place, one in enumerate(found) if one.request_id == delivery.request_id]
        about = [place for place in places if found[place].incident_id in delivery.incident_ids]
        shown[(about or places)[0]].append(cleaned(delivery))
    return [replace(one, deliveries=tuple(shown[place])) for place, one in enumerate(found)]


class RequestRecorder:
    """Takes records without ever waiting, and writes them in batches. Start it once, stop it once."""

    def __init__(
        self, database: Database, *, on_drop: Callable[[int], None] = lambda _count: None, capacity: int = BUFFERED_MAX
    ) -> None:
        """`on_drop` is told how many records were lost; `dropped` counts them in all."""
        self._database = database
        self._on_drop = on_drop
        self._capacity = capacity
        self._waiting: deque[RequestRecord] = deque()
        self._arrived = asyncio.Event()
        self._stopping = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self.dropped = 0

    def record(self, record: RequestRecord) -> None:
        """Take one record, or drop it where too many wait. Neither blocks nor raises."""
        if len(self._waiting) >= self._capacity:
            self._drop(1)
            return
        self._waiting.append(record)
        self._arrived.set()

    def start(self) -> None:
        """Begin to write."""
        self._writer = asyncio.create_task(self._write(), name="requests-writer")

    async def stop(self) -> None:
        """Write what waits, for at most 2 s, and drop the rest. Twice is harmless."""
        self._stopping.set()
        self._arrived.set()
        writer, self._writer = self._writer, None
        if writer is not None:
            _, late = await asyncio.wait({writer}, timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()
                await asyncio.wait({task})
        self._drop(len(self._waiting))
        self._waiting.clear()

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                # Records leave the buffer once they are kept, so that a server that is away loses none that fit.
                batch = list(islice(self._waiting, BATCH_MAX))
                try:
                    await self._keep(batch)
                except Unavailable:
                    if self._stopping.is_set():
                        return
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), _RETRY_SECONDS)
                    continue
                for _ in batch:
                    self._waiting.popleft()
            if self._stopping.is_set():
                return

    async def _keep(self, batch: list[RequestRecord]) -> None:
        try:
            async with self._database.unit() as unit:
                await requests.insert(unit, batch)
        except Unavailable:
            raise
        except Exception:
            if len(batch) > 1:
                for record in batch:
                    await self._keep([record])
                return
            # A record that the database refuses must not hold up the others.
            log.exception(names.LOG_UPKEEP_FAILED, extra={"request_id": batch[0].request_id})
            self._drop(1)

    def _drop(self, count: int) -> None:
        if count:
            self.dropped += count
            self._on_drop(count)
