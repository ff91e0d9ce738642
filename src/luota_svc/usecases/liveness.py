"""Our own outage is not the job's fault: who takes signals says so, and the silence of all is kept as a gap."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from luota_svc.rules.instants import instant_text
from luota_svc.store import liveness
from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from luota_svc.clock import Clock
    from luota_svc.store.database import Database

_LOG = logging.getLogger(__name__)

BEAT_SECONDS: Final = 5.0
# Nobody has taken signals for longer than this: a gap, and no silence is judged until somebody does again.
GAP_AFTER: Final = timedelta(seconds=15)
# A process that is gone for so long will not come back under its id.
_PROCESSES_KEPT: Final = timedelta(days=1)
_GAPS_KEPT: Final = timedelta(days=90)


class Liveness:
    """The word of one process that its signals are being committed."""

    def __init__(self, database: Database, clock: Clock, *, moving: Callable[[], bool]) -> None:
        """Take the very sessions that signals are committed on, and who knows whether they are."""
        self._database = database
        self._clock = clock
        self._moving = moving
        self._process_id = clock.new_id()

    async def beat(self) -> None:
        """Say it, if it is so; the first word after a gap keeps the gap. Raises Unavailable."""
        if not self._moving():
            return
        async with self._database.unit() as unit:
            gap = await liveness.beat(unit, self._process_id, self._clock.now(), GAP_AFTER.total_seconds())
        if gap:
            span = {"started_at": instant_text(gap.started_at), "ended_at": instant_text(gap.ended_at)}
            _LOG.warning(names.LOG_GAP_RECORDED, extra=span)


async def forget_old_liveness(database: Database, clock: Clock) -> None:
    """Let go of processes that are gone and of gaps that nobody asks for any more."""
    now = clock.now()
    async with database.unit() as unit:
        await liveness.forget(unit, processes_before=now - _PROCESSES_KEPT, gaps_before=now - _GAPS_KEPT)
