"""The sweep: takes what is due, judges its silence under the monitors' locks, writes it all in one transaction.

Any number of replicas may sweep at once: what one holds the others pass by, and what was judged is due no more.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from luota_svc.model.errors import Unavailable
from luota_svc.rules.silence import JUDGE_AFTER
from luota_svc.store.ingest import BatchFailed, BatchFailure
from luota_svc.store.sweep import oldest_due, set_aside, sweep_transaction
from luota_svc.telemetry import names
from luota_svc.usecases.liveness import BEAT_SECONDS, GAP_AFTER
from luota_svc.usecases.silence_fold import SET_ASIDE, SilenceFold
from luota_svc.usecases.telling import load_tellable

if TYPE_CHECKING:
    from datetime import datetime

    from luota_svc.clock import Clock
    from luota_svc.model.sweep import Claimed, OldestDue, Silence
    from luota_svc.store.database import Database
    from luota_svc.telemetry.metrics import Metrics

_LOG = logging.getLogger(__name__)

# So many monitors, and so many runs, in one transaction.
SWEEP_BATCH: Final = 500
# After hours in which nobody looked, one monitor may have a hundred instants to be judged. Signals wait for a lock half
# a second at most, so one transaction judges for no longer than this, and what it does not come to stays due.
_JUDGE_SECONDS: Final = 0.25
# And the loop is left to others after so long.
_TURN_SECONDS: Final = 0.02
_AWAY: Final = {BatchFailure.LOST, BatchFailure.UNKNOWN_COMMIT}


class Deadlines:
    """The judgement of time over a whole installation."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics, *, batch: int = SWEEP_BATCH) -> None:
        """Take sessions whose statements are prepared by hand (store/round_trip)."""
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._batch = batch
        # Since when, by the monotonic clock, nobody takes signals, and whether that was said.
        self._deaf_since: float | None = None
        self._said_deaf = False

    async def sweep(self) -> int:
        """Judge one batch of what is due; return how many monitors and runs were looked at.

        Where time did not suffice for all that was taken, that is said as a whole batch at least: more is due.
        Nothing is judged while no process takes signals: that silence is our own. Raises Unavailable where PostgreSQL
        is away.
        """
        limit = self._batch
        while True:
            taken: list[Claimed] = []
            try:
                return await self._sweep(limit, taken)
            except Exception as error:
                # Whatever it is, it must not keep the others from being judged.
                if isinstance(error, BatchFailed) and error.failure in _AWAY:
                    raise Unavailable(f"sweep {error.failure.value}: {error.__cause__!r}") from error
                _LOG.warning(names.LOG_SWEEP_FAILED, exc_info=error, extra={"limit": limit})
                if limit == 1:
                    return await self._set_aside(taken)
            # A half finds out whose fault it is; its neighbours are judged meanwhile.
            limit = max(1, limit // 2)

    async def _sweep(self, limit: int, taken: list[Claimed]) -> int:
        now = self._clock.now()
        upto = now - JUDGE_AFTER
        if not self._is_due(await oldest_due(self._database), now, upto):
            return 0
        async with sweep_transaction(self._database) as transaction:
            claimed = await transaction.claim(upto, limit)
            taken.append(claimed)
            silence = await transaction.load_silence(claimed, upto) if claimed.homes else None
            if silence is None or not self._is_heard(silence.last_beat_at, now):
                await transaction.rollback()
                return 0
            fold = SilenceFold(silence, self._clock, now)
            in_time = await self._judge(fold, claimed, silence)
            tellable = await load_tellable(transaction, fold.changes())
            await transaction.commit(fold.writes(tellable), now)
        self._metrics.swept(fold.outcomes, fold.lags)
        looked_at = len(claimed.due_monitors) + len(silence.runs)
        return looked_at if in_time else max(looked_at, self._batch)

    async def _judge(self, fold: SilenceFold, claimed: Claimed, silence: Silence) -> bool:
        """Judge monitors and runs by turns, the longest overdue first, at least one; tell whether time sufficed."""
        began_at = turn_at = self._clock.monotonic()
        monitors = [id_ for id_ in claimed.homes if id_ in claimed.due_monitors and id_ in silence.watches]
        for monitor_id, run in zip_longest(monitors, silence.runs):
            if turn_at - began_at >= _JUDGE_SECONDS:
                return False
            if monitor_id is not None:
                fold.take_monitor(monitor_id)
            if run is not None:
                fold.take_run(run)
            if self._clock.monotonic() - turn_at >= _TURN_SECONDS:
                await asyncio.sleep(0)
                turn_at = self._clock.monotonic()
        return True

    def _is_due(self, oldest: OldestDue, now: datetime, upto: datetime) -> bool:
        dues = [at for at in (oldest.monitor_at, oldest.run_at) if at is not None]
        self._metrics.sweep_behind(max(0.0, (upto - min(dues)).total_seconds()) if dues else 0.0)
        return self._is_heard(oldest.last_beat_at, now) and any(at <= upto for at in dues)

    def _is_heard(self, last_beat_at: datetime | None, now: datetime) -> bool:
        """Tell whether signals are being taken; say it once where nobody does for longer than a start takes."""
        if last_beat_at is not None and now - last_beat_at <= GAP_AFTER:
            self._deaf_since, self._said_deaf = None, False
            return True
        since = self._deaf_since = self._deaf_since or self._clock.monotonic()
        if not self._said_deaf and self._clock.monotonic() - since >= BEAT_SECONDS:
            self._said_deaf = True
            _LOG.warning(names.LOG_SWEEP_WAITS, extra={"reason": "no process takes signals; silence is not judged"})
        return False

    async def _set_aside(self, taken: list[Claimed]) -> int:
        """Look later at what failed even alone."""
        for claimed in taken:
            try:
                until = self._clock.now() + SET_ASIDE
                await set_aside(self._database, claimed.due_monitors, claimed.runs, until)
            except BatchFailed as failed:
                raise Unavailable(f"sweep {failed.failure.value}: {failed.__cause__!r}") from failed
            self._metrics.swept({"failed": 1}, ())
        return len(taken)
