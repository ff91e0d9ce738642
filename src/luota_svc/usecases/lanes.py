"""The queue in front of PostgreSQL: arrivals gather while one transaction is in flight, the next one takes them all.

Two lanes. The main lane batches everything. A monitor whose row somebody else holds moves, with its members, to the
second lane, so that one held monitor does not stop the process. Nothing waits for ever: a member that was not
answered by its `expires_at` hears 503, whatever its batch is doing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from luota_svc.model.errors import FieldProblem, InvalidRequest, Unavailable
from luota_svc.store.ingest import BatchFailed, BatchFailure
from luota_svc.telemetry import names
from luota_svc.usecases.batch import name_monitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

    from luota_svc.clock import Clock
    from luota_svc.telemetry.metrics import Metrics
    from luota_svc.usecases.batch import Batch
    from luota_svc.usecases.members import Member
    from luota_svc.usecases.memories import RunOwners

_LOG = logging.getLogger(__name__)

BATCH_MEMBERS_MAX = 256
QUEUE_MEMBERS_MAX = 4_096
QUEUE_BYTES_MAX = 32 * 1024 * 1024
_WATCH_SECONDS = 0.1
# A batch in flight for longer than any caller waits commits nothing that anybody hears of.
_MOVING_SECONDS = 5.0
# Two batches that met in a deadlock must not meet again at the same instant.
_RERUN_JITTER_SECONDS = 0.02


class _Lane:
    """Members that wait, and those whose transaction is in flight."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: deque[Member] = deque()
        self.in_flight: list[Member] = []
        # Since when, by the monotonic clock, there is a batch in flight.
        self.began_at: float | None = None
        self.arrival = asyncio.Event()

    def add(self, members: Iterable[Member]) -> None:
        self.waiting.extend(members)
        self.arrival.set()


class IngestLanes:
    """Takes members in, answers each of them once. `start` before, `stop` after; one per process."""

    def __init__(self, batch: Batch, *, owners: RunOwners, clock: Clock, metrics: Metrics) -> None:
        """Take what runs a batch; nothing happens before `start`."""
        self._batch = batch
        self._owners = owners
        self._clock = clock
        self._metrics = metrics
        self._main = _Lane("main")
        self._held = _Lane("held")
        self._held_monitors: set[UUID] = set()
        self._members = 0
        self._bytes = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = True
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to serve."""
        self._closed = False
        self._tasks = [
            asyncio.create_task(self._serve(self._main, self._take_any), name="ingest-main-lane"),
            asyncio.create_task(self._serve(self._held, self._take_one_monitor), name="ingest-held-lane"),
            asyncio.create_task(self._watch(), name="ingest-watch"),
        ]

    async def stop(self) -> None:
        """Refuse new members, let those that are in commit, then end; safe to repeat. Bound it from outside.

        Where the bound cuts it short, whoever still waits is answered 503.
        """
        self._closed = True
        try:
            if self._tasks:
                await self._idle.wait()
        finally:
            tasks, self._tasks = self._tasks, []
            for task in tasks:
                task.cancel()
            for lane in (self._main, self._held):
                for member in (*lane.waiting, *lane.in_flight):
                    if not member.answer.done():
                        member.answer.set_exception(Unavailable("stopping"))
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def moving(self) -> bool:
        """Tell whether what joins now would be committed or answered soon: the word that liveness gives for us."""
        if self._closed or any(task.done() for task in self._tasks):
            return False
        began = self._main.began_at
        return began is None or self._clock.monotonic() - began < _MOVING_SECONDS

    def join(self, members: list[Member]) -> None:
        """Queue members, all or none; each one's `answer` is resolved later. Raise Unavailable without room."""
        size = sum(member.size for member in members)
        if self._closed:
            raise Unavailable("stopping")
        if self._members + len(members) > QUEUE_MEMBERS_MAX or self._bytes + size > QUEUE_BYTES_MAX:
            raise Unavailable("the queue in front of PostgreSQL is full")
        self._members += len(members)
        self._bytes += size
        self._idle.clear()
        for member in members:
            name_monitor(member, self._owners)
        held = [member for member in members if member.monitor_id in self._held_monitors]
        if held:
            self._held.add(held)
            members = [member for member in members if member.monitor_id not in self._held_monitors]
        if members:
            self._main.add(members)

    # --- serving a lane ------------------------------------------------------------------------------------------

    async def _serve(self, lane: _Lane, take: Callable[[], list[Member]]) -> None:
        while True:
            await lane.arrival.wait()
            members = lane.in_flight = take()
            if not lane.waiting:
                lane.arrival.clear()
            if members:
                started = lane.began_at = self._clock.monotonic()
                self._metrics.queue(self._members, self._bytes)
                await self._settle(lane, members, last=False)
                self._metrics.batch(len(members), self._clock.monotonic() - started)
                lane.in_flight, lane.began_at = [], None

    def _take_any(self) -> list[Member]:
        waiting = self._main.waiting
        taken: list[Member] = []
        now = self._clock.monotonic()
        while waiting and len(taken) < BATCH_MEMBERS_MAX:
            member = waiting.popleft()
            if self._dropped(member):
                continue
            if member.monitor_id in self._held_monitors:
                self._held.add([member])
                continue
            if not taken:
                self._metrics.batch_waited(now - member.joined_at)
            taken.append(member)
        return taken

    def _take_one_monitor(self) -> list[Member]:
        """Take the oldest member and those of the same monitor: one held row must not hold up the next."""
        waiting: deque[Member] = deque()
        taken: list[Member] = []
        for member in self._held.waiting:
            if self._dropped(member):
                continue
            if len(taken) < BATCH_MEMBERS_MAX and (not taken or taken[0].monitor_id == member.monitor_id):
                taken.append(member)
            else:
                waiting.append(member)
        self._held.waiting = waiting
        return taken

    def _dropped(self, member: Member) -> bool:
        """Let go of a member that nobody waits for any more."""
        if not member.answer.done():
            return False
        self._gone(member)
        return True

    def _gone(self, member: Member) -> None:
        self._members -= 1
        self._bytes -= member.size
        if not self._members:
            self._idle.set()

    # --- what becomes of a batch ---------------------------------------------------------------------------------

    async def _settle(self, lane: _Lane, members: list[Member], *, last: bool) -> None:
        """Run one batch to the end of each of its members; `last` means that it has been rerun already."""
        members = [member for member in members if not self._dropped(member)]
        if not members:
            return
        held = self._held_monitors if lane is self._main else frozenset()
        try:
            answers = await self._batch.transact(members, held=held)
        except BatchFailed as failed:
            await self._recover(lane, members, failed, last=last)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the lane
            _LOG.exception(names.LOG_BATCH_FAILED, extra={"members": len(members)})
            await self._bisect(lane, members, error)
        else:
            self._metrics.batch_outcome("committed")
            if lane is self._held:
                self._held_monitors -= {member.monitor_id for member in members if member.monitor_id}
            for member, answer in zip(members, answers, strict=True):
                self._answer(member, answer)

    async def _recover(self, lane: _Lane, members: list[Member], failed: BatchFailed, *, last: bool) -> None:
        cause = failed.__cause__
        match failed.failure:
            case BatchFailure.RERUN if not last:
                self._metrics.batch_outcome("retried")
                await asyncio.sleep(self._clock.jitter() * _RERUN_JITTER_SECONDS)
                await self._settle(lane, members, last=True)
            case BatchFailure.RERUN if failed.guarded:
                # Twice in a row is no race: one of them can't be written as decided, and must not take all with it.
                await self._bisect(lane, members, cause or failed)
            case BatchFailure.DATA | BatchFailure.FAULT:
                await self._bisect(lane, members, cause or failed, data=failed.failure is BatchFailure.DATA)
            case BatchFailure.LOCKED:
                await self._step_aside(lane, members, last=last)
            case _:
                self._metrics.batch_outcome("failed")
                _LOG.warning(names.LOG_BATCH_FAILED, extra={"members": len(members), "reason": repr(cause or failed)})
                for member in members:
                    self._answer(member, Unavailable(f"batch {failed.failure.value}"))

    async def _bisect(self, lane: _Lane, members: list[Member], error: BaseException, *, data: bool = False) -> None:
        """Halve until the one bad member stands alone: it is refused, its neighbours are not."""
        if len(members) > 1:
            self._metrics.batch_outcome("bisected")
            middle = len(members) // 2
            await self._settle(lane, members[:middle], last=False)
            await self._settle(lane, members[middle:], last=False)
            return
        state = getattr(error, "sqlstate", None) or ""
        if data and state[:2] in {"22", "54"}:
            refusal: BaseException = InvalidRequest(FieldProblem("", "a value can't be stored"))
        else:
            _LOG.error(names.LOG_INTERNAL_ERROR, exc_info=error, extra={"request_id": members[0].request_id})
            refusal = error
        self._answer(members[0], refusal)

    async def _step_aside(self, lane: _Lane, members: list[Member], *, last: bool) -> None:
        """Move the members of held monitors to the second lane and run the others again."""
        if lane is self._held:
            self._held.add(members)
            lane.in_flight = []
        else:
            self._metrics.batch_outcome("lane", len(members))
        asked = list(self._held.waiting) if lane is self._held else members
        try:
            locked = await self._batch.find_locked(asked)
        except Exception as failed:  # noqa: BLE001 - whatever it is, it must not end the lane
            if lane is self._main:
                lost = BatchFailed(BatchFailure.LOST)
                lost.__cause__ = failed
                await self._recover(lane, members, lost, last=True)
            return
        if lane is self._held:
            # Those that came free go first: each of the others costs the lane a whole wait.
            self._held.waiting = deque(sorted(self._held.waiting, key=lambda member: member.monitor_id in locked))
            return
        self._held_monitors -= {member.monitor_id for member in members if member.monitor_id} - locked
        if last and not locked:
            # Something else than a monitor is held, twice now. The second lane, one monitor at a time, finds out whose.
            locked = {member.monitor_id for member in members if member.monitor_id}
        self._held_monitors |= locked
        self._held.add([member for member in members if member.monitor_id in locked])
        if rest := [member for member in members if member.monitor_id not in locked]:
            await self._settle(lane, rest, last=True)

    def _answer(self, member: Member, answer: object) -> None:
        self._gone(member)
        if member.answer.done():
            return
        if isinstance(answer, BaseException):
            member.answer.set_exception(answer)
        else:
            member.answer.set_result(answer)  # type: ignore[arg-type] # an Accepted

    async def _watch(self) -> None:
        """Answer 503 to whoever has waited long enough, in the queue or in flight."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            now = self._clock.monotonic()
            for lane in (self._main, self._held):
                for member in (*lane.waiting, *lane.in_flight):
                    if member.expires_at <= now and not member.answer.done():
                        member.answer.set_exception(Unavailable("no answer from PostgreSQL in time"))
            if self._held.waiting:
                self._held.arrival.set()
            if self._main.waiting:
                self._main.arrival.set()
