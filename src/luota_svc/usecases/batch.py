"""One batch, one transaction: name the monitors, load under their locks, fold, write, commit, know the outcome."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from uuid import UUID

from luota_svc.model.batch import Wanted
from luota_svc.model.errors import LuotaError
from luota_svc.model.signals import Accepted, SignalType
from luota_svc.store.ingest import BatchFailed, BatchFailure, ingest_transaction, outcome
from luota_svc.telemetry import names
from luota_svc.usecases.fold import Fold
from luota_svc.usecases.telling import load_tellable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from luota_svc.clock import Clock
    from luota_svc.model.keys import WorkspaceLimits
    from luota_svc.store.database import Database
    from luota_svc.store.ingest import IngestTransaction
    from luota_svc.telemetry.traces import Tracing
    from luota_svc.usecases.members import Member
    from luota_svc.usecases.memories import MonitorSlugs, RunOwners

_LOG = logging.getLogger(__name__)

# How long a cut COMMIT is asked about; less than a member's patience (4.5 s) minus the longest statement (2 s). Other
# sessions of the pool may have been cut with it, so one that can't be asked is no answer yet.
_OUTCOME_SECONDS = 2.0
_OUTCOME_PAUSE_SECONDS = 0.05
_NEXT_SESSION_PAUSE_SECONDS = 0.005

# What a member gets: its acceptance, or the model error that refuses it.
Answer = Accepted | LuotaError


class Batch:
    """Runs batches, one at a time a lane; holds nothing between them but the memory of who owns a run."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        tracing: Tracing,
        owners: RunOwners,
        slugs: MonitorSlugs,
        on_limits: Callable[[UUID, WorkspaceLimits], None],
        on_dead: Callable[[UUID], None],
        on_commit_unknown: Callable[[], None],
    ) -> None:
        """Take what a batch works with, and who hears of what it found.

        `on_limits` hears each live key's workspace limits, `on_dead` of dead keys, `on_commit_unknown` of each COMMIT
        whose answer was cut.
        """
        self._database = database
        self._clock = clock
        self._tracing = tracing
        self._owners = owners
        self._slugs = slugs
        self._on_limits = on_limits
        self._on_dead = on_dead
        self._on_commit_unknown = on_commit_unknown

    async def transact(self, members: Sequence[Member], *, held: AbstractSet[UUID] = frozenset()) -> list[Answer]:
        """Fold the members in one transaction and return their answers in order; raise BatchFailed if none landed.

        `held` are monitors that are known to be locked by somebody else: LOCKED at once where a member names one.
        """
        answers: list[Answer] = []
        transaction_id: str | None = None
        with self._tracing.batch_span(names.SPAN_BATCH, (member.traceparent for member in members)) as span:
            span.set(names.ATTR_BATCH_MEMBERS, len(members))
            try:
                async with ingest_transaction(self._database) as transaction:
                    await self._name_monitors(transaction, members)
                    if any(member.monitor_id in held for member in members):
                        raise BatchFailed(BatchFailure.LOCKED)  # noqa: TRY301 - the same way out as the server's own
                    await self._transact(transaction, members, answers)
            except BatchFailed as failed:
                if failed.failure is not BatchFailure.UNKNOWN_COMMIT:
                    raise
                transaction_id = failed.transaction_id
            if transaction_id is not None:
                await self._require_commit(transaction_id)
        for answer in answers:
            if isinstance(answer, Accepted) and answer.run:
                self._owners.remember(answer.run.id, answer.run.monitor_id)
        return answers

    async def find_locked(self, members: Sequence[Member]) -> set[UUID]:
        """Tell which of the members' monitors somebody else holds at this moment."""
        async with ingest_transaction(self._database) as transaction:
            return await transaction.find_locked(_wanted(members).monitors)

    async def _transact(self, transaction: IngestTransaction, members: Sequence[Member], answers: list[Answer]) -> None:
        wanted = _wanted(members)
        loaded = await transaction.load(wanted)
        for key_id, limits in loaded.live_keys.items():
            self._on_limits(key_id, limits)
        for key_id in wanted.keys - loaded.live_keys.keys():
            self._on_dead(key_id)
        fold = Fold(loaded, self._clock)
        for member in members:
            try:
                answers.append(fold.take(member))
            except LuotaError as refusal:
                answers.append(refusal)
        if fold.empty:
            await transaction.rollback()
            return
        tellable = await load_tellable(transaction, fold.incident_changes())
        await transaction.commit(fold.writes(tellable), self._clock.now())

    async def _name_monitors(self, transaction: IngestTransaction, members: Sequence[Member]) -> None:
        """Fill in each member's monitor before any lock; what can't be named is refused with the others."""
        for member in members:
            name_monitor(member, self._owners)
        runs = {m.report.run_id for m in members if m.monitor_id is None and m.report.run_id and not m.foreign}
        if runs:
            found = await transaction.find_runs(runs)
            for member in members:
                if member.monitor_id is None and member.report.run_id in found:
                    _claim(member, found[member.report.run_id])
                    self._owners.remember(member.report.run_id, found[member.report.run_id])
        slugs = {
            (m.key.workspace_id, m.report.monitor)
            for m in members
            if m.monitor_id is None and m.report.monitor and not m.foreign
        }
        if slugs:
            named = await transaction.find_monitors(slugs)
            for slug, monitor_id in named.items():
                self._slugs.remember(slug, monitor_id)
            for member in members:
                if member.monitor_id is None and member.report.monitor:
                    member.monitor_id = named.get((member.key.workspace_id, member.report.monitor))

    async def _require_commit(self, transaction_id: str) -> None:
        """Return if a transaction whose COMMIT answer was cut went through; raise BatchFailed if it did not."""
        self._on_commit_unknown()
        _LOG.warning(names.LOG_COMMIT_UNKNOWN, extra={"transaction_id": transaction_id})
        give_up_at = self._clock.monotonic() + _OUTCOME_SECONDS
        while True:
            cause: BatchFailed | None = None
            try:
                status = await outcome(self._database, transaction_id)
            except BatchFailed as failed:
                status, cause = "in progress", failed
            if status == "committed":
                return
            if status == "aborted":
                raise BatchFailed(BatchFailure.RERUN)
            if status is None or self._clock.monotonic() >= give_up_at:
                raise BatchFailed(BatchFailure.LOST) from cause
            # A session that was cut too says nothing of the server's state: the next one may know at once.
            await asyncio.sleep(_OUTCOME_PAUSE_SECONDS if cause is None else _NEXT_SESSION_PAUSE_SECONDS)


def name_monitor(member: Member, owners: RunOwners) -> None:
    """Fill in the member's monitor as far as it is known without asking: from the id, the key, or memory."""
    report, key = member.report, member.key
    if member.monitor_id is not None or member.foreign:
        return
    if report.workspace_id is not None and report.workspace_id != key.workspace_id:
        member.foreign = True
    elif report.run_id is not None:
        owner = owners.get(report.run_id)
        if owner is not None:
            _claim(member, owner)
    elif report.monitor_id is not None:
        _claim(member, report.monitor_id)
    elif key.monitor_id is not None:
        # A slug under a monitor's own key: compared with the monitor's once that is read.
        member.monitor_id = key.monitor_id


def _claim(member: Member, monitor_id: UUID) -> None:
    """Let the member be about this monitor, unless its key is another monitor's: that one's lock is none of its own."""
    if member.key.monitor_id is not None and member.key.monitor_id != monitor_id:
        member.foreign = True
    else:
        member.monitor_id = monitor_id


def _wanted(members: Sequence[Member]) -> Wanted:
    wanted = Wanted()
    for member in members:
        report = member.report
        wanted.keys.add(member.key.key_id)
        if member.monitor_id is None or member.foreign:
            continue
        wanted.monitors.add((member.monitor_id, member.key.workspace_id))
        if report.run_id is not None:
            wanted.runs.add(report.run_id)
        elif report.external_run_id is not None:
            wanted.run_keys.add((member.monitor_id, report.external_run_id))
        elif report.type is SignalType.PING and report.signal_key:
            wanted.signal_keys.add((member.monitor_id, report.signal_key))
    return wanted
