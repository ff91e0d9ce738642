"""The bounds of a maintenance window, and how one stands."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from luota_svc.model.maintenance import MaintenanceWindow, WindowScope, WindowSettings, WindowState, WindowTimes
from luota_svc.rules.maintenance import standing, window_problems

NOW = datetime(2026, 5, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONCE = WindowTimes(NOW + HOUR, NOW + 2 * HOUR)
AGAIN = WindowTimes(cron="0 3 * * *", timezone="Europe/Helsinki", duration_seconds=3_600)
GOOD = WindowSettings(WindowScope(), ONCE, "New disks")


@pytest.mark.parametrize(
    "settings",
    [
        GOOD,
        replace(GOOD, times=AGAIN),
        replace(GOOD, comment="x" * 1_000),
        replace(GOOD, times=WindowTimes(NOW - HOUR, NOW + HOUR)),
        replace(GOOD, times=WindowTimes(NOW, NOW + timedelta(days=31))),
        replace(GOOD, scope=WindowScope(frozenset({UUID(int=1)}))),
        replace(GOOD, scope=WindowScope(tags={"db": "main"})),
        replace(GOOD, times=replace(AGAIN, cron="0,30 3 * * *")),  # two that run together, once a day
        replace(GOOD, times=replace(AGAIN, cron="0 0 29 2 *", duration_seconds=31 * 86_400)),
        replace(GOOD, times=replace(AGAIN, cron="@daily", duration_seconds=86_399)),
    ],
)
def test_what_is_within_the_bounds_has_no_problem(settings):
    assert window_problems(settings, NOW) == []


TIMES = [
    (WindowTimes(), [("startsAt", "is required together with endsAt, or cron together with durationSeconds")]),
    (WindowTimes(NOW), [("endsAt", "is required together with startsAt")]),
    (WindowTimes(ends_at=NOW + HOUR), [("startsAt", "is required together with endsAt")]),
    (WindowTimes(NOW + HOUR, NOW + HOUR), [("endsAt", "must be after startsAt")]),
    (WindowTimes(NOW - 2 * HOUR, NOW), [("endsAt", "must be in the future")]),
    (
        WindowTimes(NOW, NOW + timedelta(days=31, seconds=1)),
        [("endsAt", "must be at most 31 days after startsAt")],
    ),
    (replace(ONCE, duration_seconds=60), [("durationSeconds", "must be set together with cron only")]),
    (replace(AGAIN, starts_at=NOW), [("cron", "must not be set together with startsAt and endsAt")]),
    (replace(AGAIN, duration_seconds=None), [("durationSeconds", "is required together with cron")]),
    (replace(AGAIN, duration_seconds=59), [("durationSeconds", "must be 60 to 2678400")]),
    (replace(AGAIN, duration_seconds=31 * 86_400 + 1), [("durationSeconds", "must be 60 to 2678400")]),
    (
        replace(AGAIN, duration_seconds=86_400),
        [("durationSeconds", "must be shorter than the time from one start to the next")],
    ),
    (
        replace(AGAIN, cron="* * * * *", duration_seconds=60),
        [("durationSeconds", "must be shorter than the time from one start to the next")],
    ),
    (
        replace(AGAIN, cron="every day"),
        [("cron", "must have five fields: minute, hour, day of month, month, day of week")],
    ),
    (replace(AGAIN, timezone="Moon/Base"), [("timezone", "must be an IANA time zone such as Europe/Helsinki")]),
]


@pytest.mark.parametrize(("times", "problems"), TIMES)
def test_times_that_cannot_be_kept_are_said(times, problems):
    found = window_problems(replace(GOOD, times=times), NOW)
    assert [(problem.field, problem.problem) for problem in found] == problems


@pytest.mark.parametrize("comment", ["", "  \n", "x" * 1_001])
def test_somebody_must_say_why(comment):
    assert [problem.field for problem in window_problems(replace(GOOD, comment=comment), NOW)] == ["comment"]


def test_all_problems_are_told_at_once():
    scope = WindowScope(frozenset(UUID(int=n) for n in range(501)), {"": "x"})
    settings = WindowSettings(scope, WindowTimes(NOW, NOW, "x", "y", 1), "")
    fields = [problem.field for problem in window_problems(settings, NOW)]
    assert fields == ["tags", "monitorIds", "tags", "cron", "cron", "durationSeconds", "timezone", "comment"]


def window(times: WindowTimes, cancelled_at: datetime | None = None) -> MaintenanceWindow:
    return MaintenanceWindow(
        UUID(int=1), UUID(int=2), WindowSettings(WindowScope(), times, "c"), "Olga", NOW, NOW, cancelled_at, 1
    )


NIGHT = datetime(2026, 5, 25, 0, tzinfo=UTC)  # 03:00 in Helsinki

STANDING = [
    (window(ONCE), NOW, WindowState.UPCOMING, NOW + HOUR, NOW + 2 * HOUR),
    (window(ONCE), NOW + HOUR, WindowState.ACTIVE, None, NOW + 2 * HOUR),
    (window(ONCE), NOW + 2 * HOUR, WindowState.PAST, None, None),
    (window(AGAIN), NOW, WindowState.UPCOMING, NIGHT + 24 * HOUR, NIGHT + 25 * HOUR),
    (window(AGAIN), NIGHT, WindowState.ACTIVE, NIGHT + 24 * HOUR, NIGHT + HOUR),
    (window(AGAIN), NIGHT + HOUR, WindowState.UPCOMING, NIGHT + 24 * HOUR, NIGHT + 25 * HOUR),
    (window(AGAIN, cancelled_at=NOW), NIGHT, WindowState.CANCELLED, None, None),
    (window(ONCE, cancelled_at=NOW), NOW, WindowState.CANCELLED, None, None),
]


@pytest.mark.parametrize(("stands", "at", "state", "next_starts_at", "next_ends_at"), STANDING)
def test_a_window_says_how_it_stands_and_what_comes_next(stands, at, state, next_starts_at, next_ends_at):
    assert standing(stands, at) == (state, next_starts_at, next_ends_at)
