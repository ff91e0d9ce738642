"""Reasons, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from luota_svc.model.schedules import Schedule
from luota_svc.rules.explain import explain_awaited, explain_next, words_of

HELSINKI = "Europe/Helsinki"
TWICE = "comes twice on 2027-10-31 in Europe/Helsinki"


def at(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def told(line, start, count, zone=HELSINKI):
    instants = explain_next(Schedule(cron=line, timezone=zone), at(start), count)
    return [(each.local_time, each.reason) for each in instants]


def test_a_time_that_is_skipped_is_told_with_when_it_runs():
    assert told("30 3 * * *", "2027-03-27T12:00Z", 2) == [
        ("2027-03-28T04:00:00+03:00", "03:30 does not exist on 2027-03-28 in Europe/Helsinki; runs at 04:00+03:00"),
        ("2027-03-29T03:30:00+03:00", ""),
    ]


def test_several_that_are_skipped_are_one():
    ((_, reason),) = told("*/15 3 * * *", "2027-03-28T00:59Z", 1)[:1]
    assert "follows the clock and leaves them out" in reason
    ((_, reason),) = told("5-50/5 3 * * *", "2027-03-27T12:00Z", 1)
    assert reason.startswith("03:05, 03:10, 03:15, ... do not exist on 2027-03-28")


def test_a_repeated_hour_is_told():
    assert told("30 3 * * *", "2027-10-30T12:00Z", 2) == [
        ("2027-10-31T03:30:00+03:00", f"03:30 {TWICE}; runs the first time only"),
        ("2027-11-01T03:30:00+02:00", ""),
    ]
    assert told("*/30 3 31 10 *", "2027-10-30T12:00Z", 4) == [
        ("2027-10-31T03:00:00+03:00", f"03:00 {TWICE}; this is the first time"),
        ("2027-10-31T03:30:00+03:00", f"03:30 {TWICE}; this is the first time"),
        ("2027-10-31T03:00:00+02:00", f"03:00 {TWICE}; this is the second time"),
        ("2027-10-31T03:30:00+02:00", f"03:30 {TWICE}; this is the second time"),
    ]


def test_where_no_clock_is_moved_no_reason_is_needed():
    assert {reason for _, reason in told("*/10 * * * *", "2027-06-01T00:00Z", 100)} == {""}
    assert {reason for _, reason in told("30 3 * * *", "2027-01-01T00:00Z", 100, zone="UTC")} == {""}
    assert told("0 5 * * *", "2027-03-27T12:00Z", 1) == [("2027-03-28T05:00:00+03:00", "")]


def test_the_instant_that_is_asked_from_is_the_first():
    (first,) = explain_next(Schedule(cron="0 2 * * *", grace_seconds=60), at("2027-01-10T02:00Z"), 1)
    assert first.expectation.expected_at == at("2027-01-10T02:00Z")
    assert first.expectation.covered_from == at("2027-01-10T01:59Z")
    assert first.expectation.deadline_at == at("2027-01-10T02:01Z")


def test_an_interval_is_told_to_slide():
    first, second = explain_next(Schedule(interval_seconds=3600), at("2027-01-10T02:00Z"), 2)
    assert first.reason.startswith("slides from the last signal received")
    assert (first.local_time, second.local_time) == ("2027-01-10T03:00:00+00:00", "2027-01-10T04:00:00+00:00")
    assert explain_next(Schedule(), at("2027-01-10T02:00Z"), 2) == ()


@pytest.mark.parametrize(
    ("schedule", "heard", "reason"),
    [
        (
            Schedule(cron="0 2 * * *"),
            "2027-01-10T01:58Z",
            "last heard 2027-01-10T01:58:00+00:00 counts for 2027-01-10T02:00:00+00:00: 5 min early tolerance",
        ),
        (
            Schedule(cron="0 2 * * *"),
            "2027-01-10T01:50Z",
            (
                "last heard 2027-01-10T01:50:00+00:00 counts for 2027-01-09T02:00:00+00:00;"
                " for the next, signals count from 2027-01-10T01:55:00+00:00 on"
            ),
        ),
        (
            Schedule(cron="0 2 * * *"),
            "2027-01-08T02:00Z",
            "last heard 2027-01-08T02:00:00+00:00; what was expected up to 2027-01-10T00:00:00+00:00 is settled",
        ),
        (
            Schedule(cron="0 2 * * *"),
            None,
            "never heard; what was expected up to 2027-01-10T00:00:00+00:00 is settled",
        ),
        (
            Schedule(interval_seconds=60),
            "2027-01-10T00:30Z",
            "last heard 2027-01-10T00:30:00+00:00; the interval runs from then",
        ),
        (
            Schedule(interval_seconds=60),
            "2027-01-09T00:30Z",
            "last heard 2027-01-09T00:30:00+00:00; the interval runs from 2027-01-10T00:00:00+00:00",
        ),
        (Schedule(), None, "no schedule: nothing is awaited"),
        (Schedule(cron="0 0 31 2 1#5"), None, "does not come within the next ten years"),
    ],
)
def test_what_is_awaited_is_told_with_why(schedule, heard, reason):
    settled = at("2027-01-10T00:00Z")
    _, words = explain_awaited(schedule, settled_until=settled, last_heard_at=heard and at(heard))
    assert words == reason


def test_a_span_is_told_as_people_say_it():
    assert [words_of(timedelta(seconds=seconds)) for seconds in (0, 45, 300, 5_400, 90_000)] == [
        "no", "45 s", "5 min", "1 h 30 min", "1 d 1 h",
    ]  # fmt: skip
