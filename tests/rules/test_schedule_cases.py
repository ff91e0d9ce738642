"""When a signal is expected, by example: each row says what is settled, what was heard, and what is expected next.

Instants stand as the wall clock of the place shows them, with its offset. The grace is 5 minutes where none is named.
"""

# ruff: noqa: E501 - a table is read row by row

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from luota_svc.model.schedules import Schedule
from luota_svc.rules.cron_text import cron_problem
from luota_svc.rules.schedule import next_expectation


@dataclass(frozen=True)
class Case:
    """`grace` and `early` in seconds; `cron` is a line, or a number: an interval in seconds."""

    cron: str | int
    zone: str
    settled: str
    heard: str | None
    expected: str | None
    deadline: str | None
    why: str
    grace: int = 300
    early: int | None = None


HELSINKI, NEW_YORK, SYDNEY, SANTIAGO = "Europe/Helsinki", "America/New_York", "Australia/Sydney", "America/Santiago"
LORD_HOWE, CHATHAM, KOLKATA, KATHMANDU = "Australia/Lord_Howe", "Pacific/Chatham", "Asia/Kolkata", "Asia/Kathmandu"

# fmt: off
CALENDAR = [
    Case("0 2 * * *", "UTC", "2027-01-10T00:00Z", None, "2027-01-10T02:00Z", "2027-01-10T02:05Z", "daily"),
    Case("0 2 * * *", "UTC", "2027-01-10T02:00Z", None, "2027-01-11T02:00Z", "2027-01-11T02:05Z", "settled means settled"),
    Case("0 2 * * *", "UTC", "2027-01-10T01:59:59.999999Z", None, "2027-01-10T02:00Z", "2027-01-10T02:05Z", "a tick before"),
    Case("@hourly", "UTC", "2027-01-10T00:00Z", None, "2027-01-10T01:00Z", "2027-01-10T01:05Z", "macro"),
    Case("@daily", HELSINKI, "2027-01-10T00:00Z", None, "2027-01-11T00:00+02:00", "2027-01-11T00:05+02:00", "midnight there"),
    Case("@Weekly", "UTC", "2027-01-10T00:00Z", None, "2027-01-17T00:00Z", "2027-01-17T00:05Z", "Sunday; macros in any case"),
    Case("@monthly", "UTC", "2027-01-10T00:00Z", None, "2027-02-01T00:00Z", "2027-02-01T00:05Z", "macro"),
    Case("@yearly", KATHMANDU, "2027-01-10T00:00Z", None, "2028-01-01T00:00+05:45", "2028-01-01T00:05+05:45", "macro"),
    Case("*/15 * * * *", "UTC", "2027-01-10T00:07Z", None, "2027-01-10T00:15Z", "2027-01-10T00:20Z", "steps"),
    Case("5/20 * * * *", "UTC", "2027-01-10T00:26Z", None, "2027-01-10T00:45Z", "2027-01-10T00:50Z", "a step from 5 on"),
    Case("10-40/15 * * * *", "UTC", "2027-01-10T00:40Z", None, "2027-01-10T01:10Z", "2027-01-10T01:15Z", "stepped range"),
    Case("0 9,17 * * *", KOLKATA, "2027-01-10T04:00Z", None, "2027-01-10T17:00+05:30", "2027-01-10T17:05+05:30", "list; half-hour zone"),
    Case("0 9 * * mon-fri", KATHMANDU, "2027-01-08T12:00Z", None, "2027-01-11T09:00+05:45", "2027-01-11T09:05+05:45", "names; a weekend"),
    Case("0 0 1 jan,JUL *", "UTC", "2027-01-10T00:00Z", None, "2027-07-01T00:00Z", "2027-07-01T00:05Z", "names in any case"),
    Case("0 0 29 2 *", "UTC", "2027-01-10T00:00Z", None, "2028-02-29T00:00Z", "2028-02-29T00:05Z", "leap day"),
    Case("0 0 29 2 *", "UTC", "2096-03-01T00:00Z", None, "2104-02-29T00:00Z", "2104-02-29T00:05Z", "2100 has no leap day"),
    Case("0 0 31 * *", "UTC", "2027-01-31T00:00Z", None, "2027-03-31T00:00Z", "2027-03-31T00:05Z", "February has no 31st"),
    Case("0 0 L * *", "UTC", "2027-02-01T00:00Z", None, "2027-02-28T00:00Z", "2027-02-28T00:05Z", "last day of the month"),
    Case("0 0 L * *", "UTC", "2028-02-01T00:00Z", None, "2028-02-29T00:00Z", "2028-02-29T00:05Z", "last day, leap year"),
    Case("0 9 LW * *", "UTC", "2027-01-10T00:00Z", None, "2027-01-29T09:00Z", "2027-01-29T09:05Z", "last weekday: the 31st is a Sunday"),
    Case("0 9 * * 5#2", "UTC", "2027-01-10T00:00Z", None, "2027-02-12T09:00Z", "2027-02-12T09:05Z", "second Friday"),
    Case("0 0 13 * fri", "UTC", "2027-01-09T00:00Z", None, "2027-01-13T00:00Z", "2027-01-13T00:05Z", "13th OR Friday: a Wednesday"),
    Case("0 0 13 * fri", "UTC", "2027-01-13T00:00Z", None, "2027-01-15T00:00Z", "2027-01-15T00:05Z", "13th OR Friday: the Friday"),
    Case("0 0 */13 * fri", "UTC", "2027-01-09T00:00Z", None, "2027-05-14T00:00Z", "2027-05-14T00:05Z", "a star makes it AND"),
    Case("0 0 * * 7", "UTC", "2027-01-10T00:00Z", None, "2027-01-17T00:00Z", "2027-01-17T00:05Z", "7 is Sunday"),
    Case("59 23 31 12 *", "UTC", "2027-01-10T00:00Z", None, "2027-12-31T23:59Z", "2028-01-01T00:04Z", "a deadline in the next year"),
    Case("0 0 29 2 */7", "UTC", "2032-03-01T00:00Z", None, None, None, "not again for 28 years"),
    Case("", "UTC", "2027-01-10T00:00Z", None, None, None, "on demand"),
]
SPRING = [
    Case("30 3 * * *", HELSINKI, "2027-03-27T12:00Z", None, "2027-03-28T04:00+03:00", "2027-03-28T04:05+03:00", "03:30 is skipped: right after the jump"),
    Case("30 3 * * *", HELSINKI, "2027-03-28T01:00Z", None, "2027-03-29T03:30+03:00", "2027-03-29T03:35+03:00", "and as ever the day after"),
    Case("0 3 * * *", HELSINKI, "2027-03-27T12:00Z", None, "2027-03-28T04:00+03:00", "2027-03-28T04:05+03:00", "the jump's first minute"),
    Case("10,50 3 * * *", HELSINKI, "2027-03-28T01:00Z", None, "2027-03-29T03:10+03:00", "2027-03-29T03:15+03:00", "two that are skipped are one"),
    Case("30 3,4 * * *", HELSINKI, "2027-03-28T01:00Z", None, "2027-03-28T04:30+03:00", "2027-03-28T04:35+03:00", "what is not skipped comes too"),
    Case("*/30 3 * * *", HELSINKI, "2027-03-27T12:00Z", None, "2027-03-29T03:00+03:00", "2027-03-29T03:05+03:00", "a star follows the clock: not that day"),
    Case("30 * * * *", HELSINKI, "2027-03-28T00:30Z", None, "2027-03-28T04:30+03:00", "2027-03-28T04:35+03:00", "every hour there is"),
    Case("30 2 * * *", NEW_YORK, "2027-03-13T12:00Z", None, "2027-03-14T03:00-04:00", "2027-03-14T03:05-04:00", "02:30 is skipped"),
    Case("0 12 * * *", NEW_YORK, "2027-03-13T17:00Z", None, "2027-03-14T12:00-04:00", "2027-03-14T12:05-04:00", "noon is noon: 23 hours later"),
    Case("0 1-3 * * *", NEW_YORK, "2027-03-14T06:00Z", None, "2027-03-14T03:00-04:00", "2027-03-14T03:05-04:00", "02:00 and 03:00 are one"),
    Case("30 2 * * *", SYDNEY, "2027-10-02T12:00Z", None, "2027-10-03T03:00+11:00", "2027-10-03T03:05+11:00", "spring in October"),
    Case("15 0 * * *", SANTIAGO, "2027-09-04T12:00Z", None, "2027-09-05T01:00-03:00", "2027-09-05T01:05-03:00", "midnight is skipped"),
    Case("@daily", SANTIAGO, "2027-09-04T12:00Z", None, "2027-09-05T01:00-03:00", "2027-09-05T01:05-03:00", "a day without a midnight"),
    Case("*/20 0 5 9 *", SANTIAGO, "2027-09-04T12:00Z", None, "2028-09-05T00:00-03:00", "2028-09-05T00:05-03:00", "a star: no hour 0 that day"),
    Case("15 2 * * *", LORD_HOWE, "2027-10-02T12:00Z", None, "2027-10-03T02:30+11:00", "2027-10-03T02:35+11:00", "half an hour is skipped"),
    Case("45 2 * * *", LORD_HOWE, "2027-10-02T12:00Z", None, "2027-10-03T02:45+11:00", "2027-10-03T02:50+11:00", "the other half is there"),
    Case("*/15 2 * * *", LORD_HOWE, "2027-10-02T12:00Z", None, "2027-10-03T02:30+11:00", "2027-10-03T02:35+11:00", "and a star finds it"),
    Case("0 3 * * *", CHATHAM, "2027-09-25T12:00Z", None, "2027-09-26T03:45+13:45", "2027-09-26T03:50+13:45", "02:45-03:45 is skipped"),
]
AUTUMN = [
    Case("30 3 * * *", HELSINKI, "2027-10-30T12:00Z", None, "2027-10-31T03:30+03:00", "2027-10-31T03:35+03:00", "first of the repeated hour"),
    Case("30 3 * * *", HELSINKI, "2027-10-31T00:30Z", None, "2027-11-01T03:30+02:00", "2027-11-01T03:35+02:00", "and not a second time"),
    Case("45 3 * * *", HELSINKI, "2027-10-31T01:30Z", None, "2027-11-01T03:45+02:00", "2027-11-01T03:50+02:00", "settled within the second turn"),
    Case("0 4 * * *", HELSINKI, "2027-10-30T12:00Z", None, "2027-10-31T04:00+02:00", "2027-10-31T04:05+02:00", "comes after both turns"),
    Case("*/30 3 * * *", HELSINKI, "2027-10-31T00:30Z", None, "2027-10-31T03:00+02:00", "2027-10-31T03:05+02:00", "a star comes again"),
    Case("30 * * * *", HELSINKI, "2027-10-31T00:30Z", None, "2027-10-31T03:30+02:00", "2027-10-31T03:35+02:00", "hourly means hourly"),
    Case("30 1 * * *", NEW_YORK, "2027-11-07T05:30Z", None, "2027-11-08T01:30-05:00", "2027-11-08T01:35-05:00", "once"),
    Case("@hourly", NEW_YORK, "2027-11-07T05:00Z", None, "2027-11-07T01:00-05:00", "2027-11-07T01:05-05:00", "an hour later, though the clock shows the same"),
    Case("30 2 * * *", SYDNEY, "2027-04-03T12:00Z", None, "2027-04-04T02:30+11:00", "2027-04-04T02:35+11:00", "autumn in April"),
    Case("30 23 * * *", SANTIAGO, "2027-04-03T12:00Z", None, "2027-04-03T23:30-03:00", "2027-04-03T23:35-03:00", "the hour before midnight is repeated"),
    Case("@daily", SANTIAGO, "2027-04-03T12:00Z", None, "2027-04-04T00:00-04:00", "2027-04-04T00:05-04:00", "midnight comes once, late"),
    Case("45 1 * * *", LORD_HOWE, "2027-04-03T14:45Z", None, "2027-04-05T01:45+10:30", "2027-04-05T01:50+10:30", "half an hour is repeated: not again"),
    Case("*/15 1 * * *", LORD_HOWE, "2027-04-03T14:45Z", None, "2027-04-04T01:30+10:30", "2027-04-04T01:35+10:30", "a star: again"),
    Case("*/20 2 * * *", LORD_HOWE, "2027-04-03T15:15Z", None, "2027-04-04T02:00+10:30", "2027-04-04T02:05+10:30", "the hour after half an hour was repeated"),
    Case("0 3 * * *", CHATHAM, "2027-04-03T12:00Z", None, "2027-04-04T03:00+13:45", "2027-04-04T03:05+13:45", "02:45-03:45 is repeated"),
]
WINDOWS = [
    Case("0 2 * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T01:54:59Z", "2027-01-10T02:00Z", "2027-01-10T02:05Z", "too early to count"),
    Case("0 2 * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T01:55Z", "2027-01-11T02:00Z", "2027-01-11T02:05Z", "early by the grace: counts"),
    Case("0 2 * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T02:00Z", "2027-01-11T02:00Z", "2027-01-11T02:05Z", "on the minute"),
    Case("0 2 * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T02:04Z", "2027-01-11T02:00Z", "2027-01-11T02:05Z", "late, within the grace"),
    Case("0 2 * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T03:00Z", "2027-01-11T02:00Z", "2027-01-11T02:05Z", "later than the grace: heard all the same"),
    Case("0 2 * * *", "UTC", "2027-01-10T02:00Z", "2027-01-09T02:01Z", "2027-01-11T02:00Z", "2027-01-11T02:05Z", "judged, not heard: the next day's turn"),
    Case("0 2 * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T01:29Z", "2027-01-10T02:00Z", "2027-01-10T02:05Z", "tolerance set: a minute too early", early=1800),
    Case("0 2 * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T01:30Z", "2027-01-11T02:00Z", "2027-01-11T02:05Z", "tolerance set: counts", early=1800),
    Case("0 2 * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T01:59:59Z", "2027-01-10T02:00Z", "2027-01-10T02:05Z", "no tolerance", early=0),
    Case("0 * * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T00:30Z", "2027-01-10T02:00Z", "2027-01-10T03:00Z", "hourly, grace 1 h: half the gap", grace=3600),
    Case("0 * * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T00:29Z", "2027-01-10T01:00Z", "2027-01-10T02:00Z", "and not a minute more", grace=3600),
    Case("*/5 * * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T00:02:30Z", "2027-01-10T00:10Z", "2027-01-10T00:15Z", "5-minutely: half the gap is 150 s"),
    Case("*/5 * * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T00:02:29Z", "2027-01-10T00:05Z", "2027-01-10T00:10Z", "and not a second more"),
    Case("*/5 * * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T00:02:30Z", "2027-01-10T00:10Z", "2027-01-10T01:10Z", "a large grace never makes one signal count twice", grace=3600),
    Case("*/5 * * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T00:04Z", "2027-01-10T00:15Z", "2027-01-10T00:20Z", "a tolerance above the gap is taken at its word", early=600),
    Case("0 2,3 * * *", "UTC", "2027-01-10T00:00Z", "2027-01-10T02:30Z", "2027-01-11T02:00Z", "2027-01-11T03:00Z", "half the gap to the one before", grace=3600),
    Case("0 2,3 * * *", "UTC", "2027-01-10T03:00Z", "2027-01-11T01:00Z", "2027-01-11T03:00Z", "2027-01-11T04:00Z", "whose own gap is the night: all of the grace", grace=3600),
    Case("30 * * * *", HELSINKI, "2027-03-28T00:30Z", "2027-03-28T01:00Z", "2027-03-28T05:30+03:00", "2027-03-28T06:30+03:00", "gaps are true time, not the clock's", grace=3600),
    Case("0 0 * * *", HELSINKI, "2027-01-10T00:00Z", "2027-01-10T21:58Z", "2027-01-12T00:00+02:00", "2027-01-12T00:05+02:00", "23:58 counts for midnight"),
]
CHANGES = [
    Case("0 2 * * *", "UTC", "2027-01-10T01:30Z", "2027-01-10T01:15Z", "2027-01-10T02:00Z", "2027-01-10T02:05Z", "edited at 01:30 while the run of 01:15 is going: 02:00 is due"),
    Case("20 1 * * *", "UTC", "2027-01-10T01:30Z", "2027-01-10T01:15Z", "2027-01-11T01:20Z", "2027-01-11T01:25Z", "edited to what has passed: not judged in hindsight"),
    Case("*/10 * * * *", "UTC", "2027-01-10T01:30Z", "2027-01-10T01:15Z", "2027-01-10T01:40Z", "2027-01-10T01:45Z", "edited to more often: from the edit on"),
    Case("0 3 * * *", HELSINKI, "2027-06-10T00:30Z", None, "2027-06-11T03:00+03:00", "2027-06-11T03:05+03:00", "zone changed from UTC at 00:30: 03:00 there has passed"),
    Case("0 3 * * *", NEW_YORK, "2027-06-10T00:30Z", None, "2027-06-10T03:00-04:00", "2027-06-10T03:05-04:00", "zone changed westward: today's comes later"),
    Case("0 3 * * *", NEW_YORK, "2027-06-10T00:30Z", "2027-06-10T03:00Z", "2027-06-10T03:00-04:00", "2027-06-10T03:05-04:00", "a signal by the old zone is 4 h early"),
    Case("0 2 * * *", "UTC", "2027-01-10T02:00Z", "2027-01-10T02:10Z", "2027-01-11T02:00Z", "2027-01-11T02:05Z", "our clock went 10 min ahead: nothing is due twice"),
    Case("*/5 * * * *", "UTC", "2027-01-10T02:10Z", "2027-01-10T02:01Z", "2027-01-10T02:15Z", "2027-01-10T02:20Z", "our clock went 10 min back: what is settled stays so"),
    Case("*/5 * * * *", "UTC", "2027-01-10T02:00Z", "2027-01-10T02:11Z", "2027-01-10T02:15Z", "2027-01-10T02:20Z", "heard before our clock went 10 min back: covers till then"),
    Case("0 * * * *", "UTC", "2027-01-10T06:00Z", None, "2027-01-10T07:00Z", "2027-01-10T07:05Z", "resumed at 06:00: what was paused is settled"),
]
INTERVALS = [
    Case(3600, "UTC", "2027-01-10T00:00Z", None, "2027-01-10T01:00Z", "2027-01-10T01:05Z", "from the making on"),
    Case(3600, "UTC", "2027-01-10T00:00Z", "2027-01-10T00:20Z", "2027-01-10T01:20Z", "2027-01-10T01:25Z", "slides with each signal"),
    Case(3600, "UTC", "2027-01-10T01:20Z", "2027-01-10T00:20Z", "2027-01-10T02:20Z", "2027-01-10T02:25Z", "judged at 01:20: the next after another hour"),
    Case(30, "UTC", "2027-01-10T00:00Z", "2027-01-10T00:00:10Z", "2027-01-10T00:00:40Z", "2027-01-10T00:00:40Z", "no grace", grace=0),
    Case(86_400, HELSINKI, "2027-03-27T10:00Z", None, "2027-03-28T13:00+03:00", "2027-03-28T13:05+03:00", "true hours, whatever the clock shows"),
    Case(3600, "UTC", "2027-01-10T00:00Z", "2027-01-09T23:50Z", "2027-01-10T01:00Z", "2027-01-10T01:05Z", "our clock went 10 min back: from what is settled"),
]
# fmt: on
CASES = [*CALENDAR, *SPRING, *AUTUMN, *WINDOWS, *CHANGES, *INTERVALS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.cron} {case.zone}: {case.why}")
def test_a_signal_is_expected_when_the_table_says(case):
    schedule = Schedule(
        cron=case.cron if isinstance(case.cron, str) and case.cron else None,
        timezone=case.zone,
        interval_seconds=case.cron if isinstance(case.cron, int) else None,
        grace_seconds=case.grace,
        early_tolerance_seconds=case.early,
    )
    found = next_expectation(schedule, settled_until=_at(case.settled), last_heard_at=case.heard and _at(case.heard))
    assert (found and found.expected_at) == (case.expected and _at(case.expected))
    assert (found and found.deadline_at) == (case.deadline and _at(case.deadline))


def test_the_lines_of_the_table_can_be_kept():
    rare = {"0 0 29 2 */7"}
    lines = {case.cron for case in CASES if isinstance(case.cron, str) and case.cron} - rare
    assert {line: cron_problem(line) for line in lines if cron_problem(line)} == {}


def _at(text):
    return datetime.fromisoformat(text).astimezone(UTC)
