"""What an operator's change means for the judgement of time; the next deadline that is shown is the true one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.management import Caller

from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.pages import Ask
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.store.database import Database
from luota_svc.telemetry.metrics import Metrics
from luota_svc.usecases import monitors
from luota_svc.usecases.deadlines import Deadlines
from luota_svc.usecases.keys import Scope, create_key
from luota_svc.usecases.liveness import Liveness

# Noon of the stub clock's day is when all of this begins.
HOURLY = MonitorSettings("hourly", "Hourly", MonitorKind.HEARTBEAT, schedule_cron="0 * * * *", grace_seconds=300)
NIGHTLY = MonitorSettings("nightly", "Nightly", MonitorKind.RUN, stuck_after_seconds=1800)


@pytest.fixture
async def sweep(installation, database_url):
    """Judge what is due now, as though this installation had taken signals all the while."""
    database = Database(database_url, name="sweep", sessions=2, prepare_threshold=None)
    await database.open()
    sweeper = Deadlines(database, installation.clock, Metrics())

    async def look() -> int:
        await Liveness(installation.database, installation.clock, moving=lambda: True).beat()
        async with installation.database.unit() as unit:
            await unit.run("DELETE FROM ingest_gaps")
        looked_at = 0
        while found := await sweeper.sweep():
            looked_at += found
        return looked_at

    yield look
    await database.close()


@pytest.fixture
async def made(installation, house):
    async def make(settings):
        return await monitors.create_monitor(installation, house.olga.call(), house.ours, settings, None)

    return make


@pytest.fixture
async def signal(installation, house, ingest):
    """Send a signal of a monitor."""
    scope = Scope(workspace_id=house.ours)
    key = await create_key(installation, house.alice.call(), scope, name="", expires_at=None, once=None)

    async def send(monitor, type_=SignalType.PING, run=None):
        report = Report(type_, Evidence(), monitor_id=monitor.id, external_run_id=run)
        return await ingest.report(Caller(installation, key.token).call(), report)

    return send


async def read(house, monitor):
    return await monitors.get_monitor(house.installation, house.bob.call(), monitor.id)


async def kinds(house):
    async with house.installation.database.unit() as unit:
        rows = await unit.rows("SELECT kind FROM incidents WHERE resolved_at IS NULL ORDER BY opened_at")
    return [row["kind"] for row in rows]


async def test_a_new_monitor_shows_its_first_deadline_and_is_judged_by_it(installation, house, made, sweep):
    noon = installation.clock.now()
    monitor = await made(HOURLY)
    assert monitor.next_deadline_at == noon + timedelta(hours=1, minutes=5)

    assert await sweep() == 0  # not a second old
    installation.clock.advance(65 * 60 + 1)
    await sweep()

    assert await kinds(house) == ["missed"]
    assert (await read(house, monitor)).next_deadline_at == noon + timedelta(hours=2, minutes=5)


async def test_a_signal_moves_what_is_shown_although_nobody_looked(installation, house, made, sweep, signal):
    monitor = await made(HOURLY)
    installation.clock.advance(58 * 60)
    await sweep()
    await signal(monitor)
    shown = (await read(house, monitor)).next_deadline_at
    assert shown == installation.clock.now() + timedelta(minutes=67)
    (listed,) = (await monitors.list_monitors(installation, house.bob.call(), house.ours, Ask(10))).items
    assert listed.next_deadline_at == shown


async def test_on_demand_shows_none(house, made):
    assert (await made(NIGHTLY)).next_deadline_at is None


async def test_another_schedule_begins_now_and_settles_what_was_expected(installation, house, made, sweep):
    noon = installation.clock.now()
    monitor = await made(HOURLY)
    installation.clock.advance(62 * 60)
    changed = await monitors.update_monitor(
        installation, house.olga.call(), monitor.id, {"schedule_cron": "30 * * * *"}, None
    )
    assert changed.next_deadline_at == noon + timedelta(minutes=95)
    installation.clock.advance(30 * 60)
    await sweep()
    assert await kinds(house) == []
    installation.clock.advance(4 * 60)
    await sweep()
    assert await kinds(house) == ["missed"]


async def test_another_grace_is_about_the_instant_that_is_awaited(installation, house, made, sweep):
    monitor = await made(HOURLY)
    installation.clock.advance(62 * 60)
    await monitors.update_monitor(installation, house.olga.call(), monitor.id, {"grace_seconds": 60}, None)
    installation.clock.advance(1)

    await sweep()

    assert await kinds(house) == ["missed"]


@pytest.mark.parametrize("margin", [{"grace_seconds": 60}, {"early_tolerance_seconds": 60}])
async def test_an_instant_that_a_signal_counted_for_is_not_missed_in_hindsight_by_other_margins(
    installation, house, made, sweep, signal, margin
):
    noon = installation.clock.now()
    monitor = await made(HOURLY)
    installation.clock.advance(57 * 60)
    await signal(monitor)  # three minutes early: it counts for 13:00
    installation.clock.advance(20 * 60)
    await sweep()

    shown = await monitors.update_monitor(installation, house.olga.call(), monitor.id, margin, None)
    assert shown.next_deadline_at == noon + timedelta(seconds=2 * 3600 + margin.get("grace_seconds", 300))
    installation.clock.advance(60)
    await sweep()
    assert await kinds(house) == []

    installation.clock.advance(50 * 60)
    await sweep()
    assert await kinds(house) == ["missed"]


async def test_a_schedule_that_is_edited_while_a_run_is_going_does_not_touch_its_own_bounds(
    installation, house, made, sweep, signal
):
    monitor = await made(NIGHTLY)
    await signal(monitor, SignalType.START, "r")
    installation.clock.advance(20 * 60)
    await monitors.update_monitor(installation, house.olga.call(), monitor.id, {"stuck_after_seconds": 3600}, None)
    installation.clock.advance(39 * 60)
    await sweep()
    assert await kinds(house) == []
    await monitors.update_monitor(installation, house.olga.call(), monitor.id, {"stuck_after_seconds": 1200}, None)
    installation.clock.advance(2)
    await sweep()
    assert await kinds(house) == ["stuck"]


async def test_a_resume_lets_silence_count_from_then_of_monitor_and_run(installation, house, made, sweep, signal):
    hourly, nightly = await made(HOURLY), await made(NIGHTLY)
    await signal(nightly, SignalType.START, "r")
    until = installation.clock.now() + timedelta(days=2)
    for monitor in (hourly, nightly):
        paused = await monitors.pause_monitor(installation, house.olga.call(), monitor.id, until)
    assert (await read(house, hourly)).next_deadline_at == until + timedelta(minutes=65)
    installation.clock.advance(3 * 3600)
    await sweep()
    assert await kinds(house) == []

    for monitor in (hourly, nightly):
        paused = await monitors.resume_monitor(installation, house.olga.call(), monitor.id)
        assert paused.paused_until is None
    installation.clock.advance(30 * 60)
    await sweep()
    assert await kinds(house) == []
    installation.clock.advance(1)
    await sweep()
    assert await kinds(house) == ["stuck"]
    installation.clock.advance(35 * 60)
    await sweep()
    assert sorted(await kinds(house)) == ["missed", "stuck"]


async def test_a_longer_pause_is_the_one_that_counts(installation, house, made, sweep):
    monitor = await made(HOURLY)
    for hours in (1, 5):
        until = installation.clock.now() + timedelta(hours=hours)
        await monitors.pause_monitor(installation, house.olga.call(), monitor.id, until)
    installation.clock.advance(4 * 3600)
    await sweep()
    assert (await read(house, monitor)).paused_until == until
    installation.clock.advance(3600 + 2)
    await sweep()
    assert (await read(house, monitor)).paused_until is None


async def test_of_a_deleted_monitor_nothing_is_due_any_more(installation, house, made, sweep, signal):
    monitor = await made(NIGHTLY)
    await signal(monitor, SignalType.START, "r")
    await monitors.delete_monitor(installation, house.olga.call(), monitor.id)
    installation.clock.advance(2 * 86_400)
    assert await sweep() == 0
    assert await kinds(house) == []
