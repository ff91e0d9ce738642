"""When a monitor's silence would break its promise: what operators' changes mean for it, and what pages show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from luota_svc.model.monitors import Monitor, MonitorKind, MonitorSettings
from luota_svc.rules.schedule import covered_until, schedule_of
from luota_svc.rules.silence import next_silence_deadline
from luota_svc.store import liveness, silence
from luota_svc.store.database import Unit

# With another one of these the instants that were expected are other instants: nothing of the past is judged by it.
_SCHEDULE: Final = ("schedule_cron", "schedule_timezone", "interval_seconds")
# With others of these a signal may count for another instant: what it has counted for stays settled.
_MARGINS: Final = ("grace_seconds", "early_tolerance_seconds")


async def settings_changed(unit: Unit, before: Monitor, settings: MonitorSettings, now: datetime) -> None:
    """Let time be judged by new settings; a new schedule begins now. The monitor's lock is held."""
    if is_another_schedule(before.settings, settings):
        await silence.judge_from(unit, before.id, now)
    else:
        if _differ(before.settings, settings, _MARGINS):
            await _settle_covered(unit, before)
        await silence.look_at(unit, before.id, now)
    await silence.look_at_runs(unit, before.id, now)


def is_another_schedule(before: MonitorSettings, after: MonitorSettings) -> bool:
    """Tell whether other instants are expected now; other margins expect the same ones."""
    return _differ(before, after, _SCHEDULE)


async def resumed(unit: Unit, before: Monitor, now: datetime) -> None:
    """Let silence count from now on. The monitor's lock is held."""
    await silence.judge_from(unit, before.id, now)
    await silence.look_at_runs(unit, before.id, now)


async def with_deadlines(unit: Unit, monitors: Sequence[Monitor]) -> list[Monitor]:
    """Show each monitor's true next deadline.

    That of the row is when the sweep looks next: it may stand in a past that a signal has satisfied already.
    """
    if not monitors:
        return []
    watches = await silence.watches(unit, [monitor.id for monitor in monitors])
    gaps = await liveness.gaps(unit)
    return [replace(monitor, next_deadline_at=next_silence_deadline(watches[monitor.id], gaps)) for monitor in monitors]


async def _settle_covered(unit: Unit, before: Monitor) -> None:
    """Settle what a signal has counted for by the margins that end here."""
    if before.settings.kind is MonitorKind.FRESHNESS:
        return
    watch = (await silence.watches(unit, [before.id]))[before.id]
    until = covered_until(
        schedule_of(before.settings), settled_until=watch.settled_until, last_heard_at=watch.last_heard_at
    )
    await silence.settle(unit, before.id, until)


def _differ(before: MonitorSettings, after: MonitorSettings, names: Sequence[str]) -> bool:
    return any(getattr(after, name) != getattr(before, name) for name in names)
