"""Timelines tell what became of deliveries. Safe in any replica."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from luota_svc.model.batch import NewEvent
from luota_svc.model.deliveries import DeliveryReason, DeliveryState
from luota_svc.model.incidents import TimelineEvent
from luota_svc.rules.instants import instant_text
from luota_svc.rules.redaction import redact_text
from luota_svc.store import delivery_notes
from luota_svc.store.database import Unit
from luota_svc.store.delivery_notes import Unnoted
from luota_svc.usecases.installation import Installation

BATCH_MAX: Final = 200
WORKER_ACTOR: Final = "worker"
# What waits for its first attempt, or was taken back, has at most the error of another time.
_WITH_ERROR: Final = {DeliveryState.DELIVERED, DeliveryState.FAILED_RETRYING, DeliveryState.FAILED_TERMINAL}


async def note_deliveries(at: Installation) -> int:
    """Write into timelines how deliveries stand, at most 200 in one transaction; return how many were noted.

    Each is one entry `delivery_changed` of every incident that it tells of; what changed twice before anybody looked is
    told as it stands, the attempts tell the rest. Monitors that somebody holds are left for the next call. Where that
    leaves nothing, the oldest delivery's are waited for, or a busy monitor's timeline would fall behind. Raises
    Unavailable where PostgreSQL is away, and where that wait is too long.
    """
    async with at.database.unit() as unit:
        due = await delivery_notes.find_due(unit, BATCH_MAX)
        noted = await _note(unit, due, at.clock.now(), wait=False) if due else 0
    if due and not noted:
        # A transaction of its own: locks that it would wait for come before some that the first one got.
        async with at.database.unit() as unit:
            noted = await _note(unit, due[:1], at.clock.now(), wait=True)
    return noted


async def _note(unit: Unit, due: Sequence[UUID], now: datetime, *, wait: bool) -> int:
    named = await delivery_notes.incidents_of(unit, due)
    free = await delivery_notes.hold_monitors(unit, {row.monitor_id for row in named}, wait=wait)
    incidents: dict[UUID, list[UUID]] = defaultdict(list)
    for row in named:
        incidents[row.delivery_id].append(row.incident_id)
    busy = {row.delivery_id for row in named if row.monitor_id not in free}
    ours = [delivery_id for delivery_id in due if delivery_id not in busy]
    if not ours:
        return 0
    told = {one for delivery_id in ours for one in incidents[delivery_id]}
    lengths, held = await delivery_notes.hold(unit, told, ours)
    appended: Counter[UUID] = Counter()
    events = []
    for delivery in held:
        for incident_id in incidents[delivery.id]:
            appended[incident_id] += 1
            events.append(_event(delivery, incident_id, lengths[incident_id] + appended[incident_id], now))
    await delivery_notes.write(unit, events, appended, [delivery.id for delivery in held])
    return len(held)


def _event(delivery: Unnoted, incident_id: UUID, number: int, now: datetime) -> NewEvent:
    return NewEvent(
        incident_id=incident_id,
        number=number,
        event=TimelineEvent.DELIVERY_CHANGED.value,
        at=now,
        actor=WORKER_ACTOR,
        request_id=delivery.request_id,
        run_id=None,
        signal_id=None,
        occurrence_number=None,
        detail=f"{_about(delivery)}: {_in_words(delivery)}",
    )


def _about(delivery: Unnoted) -> str:
    # The first word is the usual one, and a drill's route is called that already.
    if delivery.reason in {DeliveryReason.OPENED, DeliveryReason.DRILL}:
        return delivery.route_name
    return f"{delivery.route_name} ({delivery.reason.value})"


def _in_words(delivery: Unnoted) -> str:
    words = delivery.state.value
    if delivery.state is DeliveryState.FAILED_RETRYING and delivery.next_attempt_at is not None:
        words += f", next attempt {instant_text(delivery.next_attempt_at)}"
    if delivery.gathered_into is not None:
        words += f", delivery {delivery.gathered_into} tells what is left of it"
    if delivery.last_error and delivery.state in _WITH_ERROR:
        # A provider's own words, of a delivered one whom it did not reach; they may repeat a secret of the call.
        words += f": {redact_text(delivery.last_error)[0]}"
    return words
