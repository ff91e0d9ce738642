"""Schedules explained and tried, from message to message, over signals that really came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.management import Caller

from luota.v1 import monitor_service_pb2 as rpc
from luota.v1 import monitors_pb2
from luota_svc.core.convert import timestamp
from luota_svc.core.monitors import create_monitor, pause_monitor
from luota_svc.core.schedules import backtest_schedule, explain_schedule
from luota_svc.model.errors import InvalidOperatorToken, InvalidRequest, NotFound
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.usecases.keys import Scope, create_key

MINUTE, HOUR, DAY = 60, 3_600, 86_400
HOURLY = monitors_pb2.Schedule(cron="0 * * * *")


@pytest.fixture
def now(installation):
    """The clock stands at ten past some hour."""
    clock = installation.clock
    clock.advance((70 * MINUTE - clock.now().timestamp() % HOUR) % HOUR)
    return clock.now()


@pytest.fixture
def made(installation, house, now):
    """Make a monitor; answers its id."""

    async def made(kind="MONITOR_KIND_HEARTBEAT", **fields):
        monitor = monitors_pb2.Monitor(slug="feed", kind=kind, **fields)
        request = rpc.CreateMonitorRequest(workspace_id=str(house.ours), monitor=monitor)
        return (await create_monitor(installation, house.olga.call(), request)).id

    return made


@pytest.fixture
def hear(installation, house, ingest):
    """Send one signal of a monitor now."""
    keys = {}

    async def hear(monitor_id, type_=SignalType.PING, run=None):
        if monitor_id not in keys:
            scope = Scope(monitor_id=UUID(monitor_id))
            key = await create_key(installation, house.alice.call(), scope, name="", expires_at=None, once=None)
            keys[monitor_id] = key.token
        call = Caller(installation, keys[monitor_id]).call()
        return await ingest.report(call, Report(type_, Evidence(), monitor_id=UUID(monitor_id), external_run_id=run))

    return hear


@pytest.fixture
def explain(installation, house):
    async def explain(caller=None, **fields):
        request = rpc.ExplainScheduleRequest(**fields)
        return await explain_schedule(installation, (caller or house.bob).call(), request)

    return explain


@pytest.fixture
def backtest(installation, house):
    async def backtest(caller=None, **fields):
        request = rpc.BacktestScheduleRequest(**fields)
        return await backtest_schedule(installation, (caller or house.bob).call(), request)

    return backtest


def when(stamp):
    return stamp.ToDatetime(tzinfo=UTC)


async def test_a_monitor_is_explained_with_what_it_awaits_and_why(installation, now, made, hear, explain):
    monitor = await made(schedule=HOURLY)
    async with installation.database.unit() as unit:  # as the sweep leaves it
        await unit.run("UPDATE monitors SET settled_until = %(now)s", {"now": now})
    told = await explain(monitor_id=monitor, count=3)
    assert told.awaited_reason.startswith("never heard")
    installation.clock.advance(46 * MINUTE)
    await hear(monitor)
    told = await explain(monitor_id=monitor, count=3)
    assert told.awaited_reason.endswith(": 5 min early tolerance")
    on_the_hour = now - timedelta(minutes=10)
    assert when(told.awaited.expected_at) == on_the_hour + timedelta(hours=2)
    assert when(told.awaited.covered_from) == on_the_hour + timedelta(hours=2, minutes=-5)
    assert when(told.awaited.deadline_at) == on_the_hour + timedelta(hours=2, minutes=5)
    assert [when(each.expected_at) for each in told.instants] == [
        on_the_hour + timedelta(hours=hours) for hours in (1, 2, 3)
    ]


async def test_what_a_signal_counted_for_is_not_awaited_again_with_other_margins(
    installation, now, made, hear, explain
):
    monitor = await made(schedule=HOURLY)
    installation.clock.advance(46 * MINUTE)
    await hear(monitor)
    installation.clock.advance(HOUR / 2)
    on_the_hour = now - timedelta(minutes=10)
    for margin in ({"grace_seconds": 60}, {"early_tolerance_seconds": 60}):
        told = await explain(monitor_id=monitor, **margin)
        assert when(told.awaited.expected_at) == on_the_hour + timedelta(hours=2)


async def test_an_intervals_instants_begin_with_what_is_awaited(installation, now, made, hear, explain):
    monitor = await made(schedule=monitors_pb2.Schedule(interval_seconds=600))
    await hear(monitor)
    installation.clock.advance(120)
    told = await explain(monitor_id=monitor, count=2)
    assert when(told.awaited.expected_at) == now + timedelta(seconds=600)
    assert [when(each.expected_at) - now for each in told.instants] == [
        timedelta(seconds=600), timedelta(seconds=1200),
    ]  # fmt: skip


async def test_settings_that_are_given_stand_over_the_monitors_own(now, made, explain):
    monitor = await made(schedule=HOURLY, grace_seconds=60)
    told = await explain(monitor_id=monitor, schedule=monitors_pb2.Schedule(interval_seconds=120))
    assert [when(each.deadline_at) - now for each in told.instants[:2]] == [
        timedelta(seconds=180), timedelta(seconds=300),
    ]  # fmt: skip
    assert len(told.instants) == 10


async def test_settings_that_are_not_saved_are_explained_across_a_moved_clock(house, explain):
    told = await explain(
        workspace_id=str(house.ours),
        schedule=monitors_pb2.Schedule(cron="30 3 * * *", timezone="Europe/Helsinki"),
        grace_seconds=60,
        count=2,
        **{"from": timestamp(datetime(2027, 3, 27, 12, tzinfo=UTC))},
    )
    first, second = told.instants
    assert (first.local_time, second.local_time) == ("2027-03-28T04:00:00+03:00", "2027-03-29T03:30:00+03:00")
    assert first.reason == "03:30 does not exist on 2027-03-28 in Europe/Helsinki; runs at 04:00+03:00"
    assert when(first.deadline_at) == datetime(2027, 3, 28, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"schedule": {"cron": "61 * * * *"}}, "schedule.cron", "has a minute that cannot be read: '61'"),
        ({"schedule": {"cron": "* * */20 * 1L"}}, "schedule.cron", "must come at least once in ten years"),
        ({"schedule": {"cron": "* * * * *", "timezone": "Mars/Base"}}, "schedule.timezone", "must be an IANA"),
        ({"schedule": {"cron": "* * * * *", "interval_seconds": 60}}, "schedule", "not both"),
        ({"schedule": {"interval_seconds": 5}}, "schedule.intervalSeconds", "must be 30 to"),
        ({"schedule": {"cron": "@daily"}, "grace_seconds": -1}, "graceSeconds", "must be 0 to"),
        ({"schedule": {"cron": "@daily"}, "count": 101}, "count", "must be 1 to 100"),
        ({"schedule": {"cron": "@daily"}, "from": {"seconds": 9_000_000_000}}, "from", "within ten years"),
        ({"monitor_id": str(UUID(int=1))}, "monitorId", "not both"),
    ],
)  # fmt: skip
async def test_what_cannot_be_explained_is_told_in_words(house, explain, fields, field, problem):
    with pytest.raises(InvalidRequest) as caught:
        await explain(workspace_id=str(house.ours), **fields)
    assert [each.field for each in caught.value.problems] == [field]
    assert problem in caught.value.problems[0].problem


async def test_where_nothing_is_awaited_the_reason_is_told(installation, house, now, made, explain):
    ours = str(house.ours)
    assert (await explain(workspace_id=ours)).awaited_reason == "no schedule: nothing is awaited"
    by_age = await explain(workspace_id=ours, kind="MONITOR_KIND_FRESHNESS", schedule=HOURLY)
    assert (by_age.awaited_reason, len(by_age.instants)) == ("a freshness monitor is judged by its maxAgeSeconds", 0)
    monitor = await made(schedule=HOURLY)
    pause = rpc.PauseMonitorRequest(monitor_id=monitor, until=timestamp(now + timedelta(days=1)))
    await pause_monitor(installation, house.olga.call(), pause)
    paused = await explain(monitor_id=monitor)
    assert not paused.HasField("awaited")
    assert paused.awaited_reason.startswith("paused until")
    assert len(paused.instants) == 10


async def test_pings_are_tried_against_other_margins(installation, now, made, hear, backtest):
    monitor = await made(schedule=HOURLY)
    for minutes in (50, 60, 68, 75):  # on the hour, on the hour, 8 min and 23 min after it
        installation.clock.advance(minutes * MINUTE)
        await hear(monitor)
    installation.clock.advance(10 * MINUTE)
    result = await backtest(monitor_id=monitor)
    assert (result.signals, result.expected, result.early, result.in_time, result.late, result.missed) == (
        4, 4, 0, 2, 2, 0,
    )  # fmt: skip
    assert (result.page_count, result.smallest_grace_seconds) == (2, 23 * MINUTE)
    assert [when(page.at) - now for page in result.pages] == [
        timedelta(hours=2, minutes=55),
        timedelta(hours=3, minutes=55),
    ]
    assert when(result.start_at) == now
    enough = await backtest(monitor_id=monitor, grace_seconds=result.smallest_grace_seconds)
    assert enough.page_count == 0


async def test_of_a_run_monitor_what_opened_a_run_counts(installation, now, made, hear, backtest):
    monitor = await made("MONITOR_KIND_RUN", schedule=HOURLY)
    installation.clock.advance(50 * MINUTE)
    await hear(monitor, SignalType.START, "one")
    installation.clock.advance(60 * MINUTE)
    await hear(monitor, SignalType.SUCCESS, "one")  # a close on the hour is no start
    installation.clock.advance(20 * MINUTE)
    result = await backtest(monitor_id=monitor, days=1)
    assert (result.signals, result.expected, result.missed, result.page_count) == (1, 2, 1, 1)
    assert not result.HasField("smallest_grace_seconds")


async def test_a_back_test_is_bounded_and_needs_a_schedule_that_can_be_kept(made, backtest):
    monitor = await made(schedule=HOURLY)
    for fields in ({"days": 31}, {"days": -1}, {"schedule": {"cron": "never"}}):
        with pytest.raises(InvalidRequest):
            await backtest(monitor_id=monitor, **fields)


async def test_strangers_may_not_know_of_a_schedule(installation, house, made, explain, backtest):
    monitor = await made(schedule=HOURLY)
    for refused in (explain(house.charlie, monitor_id=monitor), backtest(house.charlie, monitor_id=monitor)):
        with pytest.raises(NotFound):
            await refused
    with pytest.raises(NotFound):
        await explain(house.charlie, workspace_id=str(house.ours), schedule=HOURLY)
    with pytest.raises(InvalidOperatorToken):
        await explain(Caller(installation, "wrong"), monitor_id=monitor)
