"""When a monitor's silence would break its promise: what operators' changes mean for it, and what pages show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from luota_svc.model.monitors import Monitor, MonitorSettings
from luota_svc.rules.silence import next_silence_deadline
from luota_svc.store import liveness, silence
from luota_svc.store.database import Unit

# With another one of these the instants that were expected are other instants: nothing of the past is judged by it.
_SCHEDULE: Final = ("schedule_cron", "schedule_timezone", "interval_seconds")


async def settings_changed(unit: Unit, before: Monitor, settings: MonitorSettings, now: datetime) -> None:
    """Let time be judged by new settings; a new schedule begins now. The monitor's lock is held."""
    if any(getattr(settings, name) != getattr(before.settings, name) for name in _SCHEDULE):
        await silence.judge_from(unit, before.id, now)
    else:
        await silence.look_at(unit, before.id, now)
    await silence.look_at_runs(unit, before.id, now)


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
