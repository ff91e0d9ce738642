"""What would Luota do? The situations of docs/states.md, each under the name that it has there, with its answer."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from tests.stage import Stage
from tests.states import PAGE

from luota_svc.model.errors import RunConflict
from luota_svc.model.monitors import MonitorState

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
async def noon(at: Stage) -> datetime:
    """Go to the next noon, so that every situation has the clock of the page."""
    now = at.clock.now()
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    at.clock.advance((noon + timedelta(days=noon < now) - now).total_seconds())
    return at.clock.now()


async def test_a_job_is_killed_half_way(at: Stage, noon: datetime):
    monitor = await at.monitor(schedule_cron="0 2 * * *")
    night = noon + timedelta(hours=14)
    await at.go_to(night)
    await at.process.start(monitor, killed := at.name())

    await at.go_to(night + timedelta(hours=1))
    assert not at.incidents(monitor)
    await at.go_to(night + timedelta(hours=1, seconds=1))
    (stuck,) = at.incidents(monitor)
    assert (stuck["kind"], stuck["reason"], stuck["opened_at"]) == ("stuck", "no_sign_of_life", at.clock.now())

    await at.go_to(night + timedelta(days=1, seconds=1))
    assert [row["state"] for row in at.runs(monitor)] == ["expired"]
    assert at.standing(monitor)["stuck"]["occurrence_count"] == 2
    assert at.counters(monitor) == (1, 0)

    await at.go_to(night + timedelta(days=1, minutes=1))
    await at.process.start(monitor, second := at.name())
    await at.go_to(night + timedelta(days=1, minutes=20))
    assert set(at.standing(monitor)) == {"stuck"}
    await at.process.success(monitor, second)
    (stuck,) = at.incidents(monitor)
    assert (stuck["state"], stuck["resolution"]) == ("resolved", "recovered")
    assert (await at.read(monitor)).state is MonitorState.HEALTHY
    states = {row["external_run_id"]: row["state"] for row in at.runs(monitor)}
    assert states == {killed: "expired", second: "succeeded"}


async def test_the_last_word_comes_after_the_timeout(at: Stage, noon: datetime):
    monitor = await at.monitor(timeout_seconds=600)
    await at.process.start(monitor, run := at.name())
    await at.go_to(noon + timedelta(minutes=10, seconds=1))
    assert [row["state"] for row in at.runs(monitor)] == ["expired"]
    assert at.standing(monitor)["stuck"]["reason"] == "expired"

    await at.go_to(noon + timedelta(minutes=30))
    accepted = await at.process.success(monitor, run)
    assert any("late_close" in note.note for note in accepted.notes)
    assert [row["state"] for row in at.runs(monitor)] == ["succeeded"]
    assert not at.standing(monitor)

    assert (await at.process.success(monitor, run)).duplicate
    with pytest.raises(RunConflict):
        await at.process.fail(monitor, run)


async def test_an_old_failure_arrives_after_a_newer_success(at: Stage, noon: datetime):
    monitor = await at.monitor()
    await at.process.start(monitor, older := at.name())
    await at.go_to(noon + timedelta(minutes=5))
    await at.process.start(monitor, newer := at.name())
    await at.go_to(noon + timedelta(minutes=10))
    await at.process.success(monitor, newer, occurred_at=at.clock.now())

    await at.go_to(noon + timedelta(minutes=20))
    accepted = await at.process.fail(monitor, older, occurred_at=noon + timedelta(minutes=8))
    assert any("older than the last judged close" in note.note for note in accepted.notes)
    assert [row["state"] for row in at.runs(monitor)] == ["failed", "succeeded"]
    assert (at.incidents(monitor), at.counters(monitor)) == ([], (0, 1))
    assert (await at.read(monitor)).state is MonitorState.HEALTHY


@pytest.mark.parametrize("taken", [False, True], ids=["nobody looks", "somebody acknowledges"])
async def test_a_heartbeat_falls_silent_while_it_is_muted(at: Stage, noon: datetime, *, taken: bool):
    monitor = await at.monitor("heartbeat", interval_seconds=60, grace_seconds=30)
    at.world.route(monitor_ids=[monitor])
    await at.mute(monitor, 3_600)
    await at.process.ping(monitor)

    await at.go_to(noon + timedelta(seconds=90))
    assert not at.incidents(monitor)
    await at.go_to(noon + timedelta(seconds=91))
    (missed,) = at.incidents(monitor)
    assert (missed["kind"], missed["muted"], missed["opened_at"]) == ("missed", True, at.clock.now())
    await at.go_to(noon + timedelta(seconds=151))
    assert at.standing(monitor)["missed"]["occurrence_count"] == 2
    if taken:
        await at.acknowledge(missed["id"])

    def told() -> list[tuple[str, datetime]]:
        return [
            (row["reason"], row["created_at"])
            for row in at.world.rows(
                "SELECT d.reason, d.created_at FROM deliveries d JOIN delivery_incidents di ON di.delivery_id = d.id"
                " WHERE di.incident_id = %s ORDER BY d.created_at",
                missed["id"],
            )
        ]

    end = noon + timedelta(hours=1)
    await at.go_to(end - timedelta(seconds=1))
    assert told() == []
    await at.go_to(end + timedelta(minutes=5))
    assert told() == ([] if taken else [("opened", end)])
    await at.process.ping(monitor)
    assert at.incident(missed["id"])["resolution"] == "recovered"
    assert told() == ([] if taken else [("opened", end), ("resolved", end + timedelta(minutes=5))])


async def test_luota_itself_was_away(at: Stage, noon: datetime):
    await at.go_to(heard := noon + timedelta(hours=23))
    monitor = await at.monitor("heartbeat", schedule_cron="0 * * * *")
    await at.process.ping(monitor)
    await at.go_to(heard + timedelta(minutes=40))
    await at.be_away(40 * 60)
    assert at.clock.now() == heard + timedelta(hours=1, minutes=20)
    assert not at.incidents(monitor)

    await at.go_to(heard + timedelta(hours=2, minutes=5))
    assert not at.incidents(monitor)
    await at.go_to(heard + timedelta(hours=2, minutes=5, seconds=1))
    (missed,) = at.incidents(monitor)
    assert (missed["kind"], missed["reason"]) == ("missed", "no_signal")
    assert missed["expected_at"] == heard + timedelta(hours=2)


def named(title: str) -> str:
    return "test_" + re.sub(r"\W+", "_", title.lower()).strip("_")


async def test_every_situation_of_the_page_is_shown():
    titles = re.findall(r"^\*\*(.+?)\.\*\*", PAGE.split("## What would Luota do?")[1], flags=re.MULTILINE)
    assert len(titles) == 5
    assert {named(title) for title in titles} <= globals().keys()
