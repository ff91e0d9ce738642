"""When a monitor is quiet, and until when: mutes and windows that touch are one quiet time."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.model.maintenance import Quietable, QuietWindow, WindowScope, WindowTimes
from luota_svc.rules.quiet import quiet_until

WORKSPACE, OTHER_WORKSPACE, MONITOR, OTHER = (UUID(int=n) for n in range(1, 5))
DAY = datetime(2026, 5, 25, tzinfo=UTC)
ALL = WindowScope()


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return DAY.replace(hour=hour, minute=minute, second=second)


def monitor(muted_until: datetime | None = None, **tags: str) -> Quietable:
    return Quietable(MONITOR, WORKSPACE, tags, muted_until)


def once(begin: datetime, end: datetime, scope: WindowScope = ALL, workspace: UUID = WORKSPACE) -> QuietWindow:
    return QuietWindow(workspace, scope, WindowTimes(begin, end))


def again(line: str, minutes: int, zone: str = "UTC") -> QuietWindow:
    return QuietWindow(WORKSPACE, ALL, WindowTimes(cron=line, timezone=zone, duration_seconds=minutes * 60))


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (WindowScope(), True),
        (WindowScope(frozenset({MONITOR, OTHER})), True),
        (WindowScope(frozenset({OTHER})), False),
        (WindowScope(tags={"db": "main"}), True),
        (WindowScope(tags={"db": "main", "zone": "eu"}), True),
        (WindowScope(tags={"db": "main", "zone": "us"}), False),
        (WindowScope(tags={"db": "main", "other": "x"}), False),
    ],
)
def test_a_window_covers_its_workspace_its_monitors_or_those_with_all_of_its_tags(scope, covered):
    window = once(at(12), at(13), scope)
    assert (quiet_until(monitor(db="main", zone="eu"), [window], at(12)) is not None) is covered


def test_a_window_of_another_workspace_covers_nothing():
    assert quiet_until(monitor(), [once(at(12), at(13), workspace=OTHER_WORKSPACE)], at(12)) is None


# What is muted until when, which windows stand, at what instant; until when it is quiet.
CASES = [
    ("nothing", None, [], at(12), None),
    ("muted", at(13), [], at(12), at(13)),
    ("a mute that is over", at(12), [], at(12), None),
    ("a window from its start on", None, [once(at(12), at(13))], at(12), at(13)),
    ("before a window", None, [once(at(12), at(13))], at(11, 59, 59), None),
    ("a window until before its end", None, [once(at(12), at(13))], at(12, 59, 59), at(13)),
    ("a window at its end", None, [once(at(12), at(13))], at(13), None),
    ("windows that touch", None, [once(at(13), at(14)), once(at(12), at(13))], at(12, 30), at(14)),
    ("windows that overlap", None, [once(at(12), at(14)), once(at(13), at(15))], at(12, 30), at(15)),
    ("one window within another", None, [once(at(12), at(16)), once(at(13), at(14))], at(13, 30), at(16)),
    ("a gap of a second ends it", None, [once(at(12), at(13)), once(at(13, 0, 1), at(14))], at(12), at(13)),
    ("a mute that runs into a window", at(12, 30), [once(at(12, 15), at(14))], at(12), at(14)),
    ("a mute that touches a window", at(13), [once(at(13), at(14))], at(12), at(14)),
    ("a window that a mute outlasts", at(15), [once(at(12), at(14))], at(12), at(15)),
    (
        "a window that runs into a mute's end and on",
        at(13),
        [once(at(11), at(12)), once(at(13), at(14))],
        at(11),
        at(14),
    ),
    ("cron, within", None, [again("0 12 * * *", 60)], at(12, 30), at(13)),
    ("cron, at its start", None, [again("0 12 * * *", 60)], at(12), at(13)),
    ("cron, before", None, [again("0 12 * * *", 60)], at(11, 59), None),
    ("cron, at its end", None, [again("0 12 * * *", 60)], at(13), None),
    ("cron, a second before its start", None, [again("0 12 * * *", 60)], at(11, 59, 59), None),
    ("cron, seconds after its start", None, [again("0 12 * * *", 60)], at(12, 0, 7), at(13)),
    ("cron, a second before its end", None, [again("0 12 * * *", 60)], at(12, 59, 59), at(13)),
    ("cron, over midnight", None, [again("0 23 * * *", 120)], at(0, 30), at(1)),
    ("cron, starts that run together", None, [again("0,30 12 * * *", 45)], at(12, 10), at(13, 15)),
    ("cron and once", None, [again("0 12 * * *", 60), once(at(12, 45), at(13, 30))], at(12, 10), at(13, 30)),
    ("cron in a zone", None, [again("0 14 * * *", 60, "Europe/Helsinki")], at(11, 30), at(12)),
    ("cron on other days", None, [again("0 12 * * 2", 60)], at(12, 30), None),
]


@pytest.mark.parametrize(
    ("muted_until", "windows", "instant", "end"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_quiet_time_is_everything_that_touches(muted_until, windows, instant, end):
    assert quiet_until(monitor(muted_until), windows, instant) == end


# When a run began, what stands, at what instant it is judged; until when that is quiet.
BEGUN = [
    ("before the window", at(11, 59), None, [once(at(12), at(13))], at(12, 30), None),
    ("with the window", at(12), None, [once(at(12), at(13))], at(12, 30), at(13)),
    ("within the window", at(12, 10), None, [once(at(12), at(13))], at(12, 30), at(13)),
    (
        "in the first of two that touch",
        at(12, 30),
        None,
        [once(at(12), at(13)), once(at(13), at(14))],
        at(13, 30),
        at(14),
    ),
    (
        "before the first of two that touch",
        at(11),
        None,
        [once(at(12), at(13)), once(at(13), at(14))],
        at(13, 30),
        None,
    ),
    ("between two that do not touch", at(12, 59), None, [once(at(11), at(12)), once(at(13), at(14))], at(13, 30), None),
    ("before the window, and muted", at(11), at(12, 40), [once(at(12), at(13))], at(12, 30), at(12, 40)),
    ("before the window that a mute runs into", at(11), at(12), [once(at(12), at(13))], at(11, 30), at(12)),
    ("within the window that a mute runs into", at(12, 30), at(12, 45), [once(at(12), at(13))], at(12, 35), at(13)),
    (
        "before one of two that overlap",
        at(12, 30),
        None,
        [once(at(12), at(14)), once(at(13), at(15))],
        at(13, 30),
        at(15),
    ),
    ("before a start of a cron line", at(11, 59), None, [again("0 * * * *", 30)], at(12, 10), None),
    ("in a start before that touches", at(11, 10), None, [again("0,30 11,12 * * *", 30)], at(12, 10), at(13)),
    ("before all that touch", at(10, 59), None, [again("0,30 11,12 * * *", 30)], at(12, 10), None),
]


@pytest.mark.parametrize(
    ("began_at", "muted_until", "windows", "instant", "end"), [case[1:] for case in BEGUN], ids=[c[0] for c in BEGUN]
)
def test_a_run_that_began_before_a_window_is_not_kept_quiet_by_it(began_at, muted_until, windows, instant, end):
    assert quiet_until(monitor(muted_until), windows, instant, began_at=began_at) == end


def local(zone: str, *parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


HELSINKI, SYDNEY, LORD_HOWE = "Europe/Helsinki", "Australia/Sydney", "Australia/Lord_Howe"

# The window, the instant, and its end; a window lasts its length in real time, whatever the clocks do.
MOVED = [
    (
        "skipped start comes when the clock was moved",
        again("30 3 * * *", 60, HELSINKI),
        local(HELSINKI, 2027, 3, 28, 4, 10),
        local(HELSINKI, 2027, 3, 28, 5),
    ),
    ("not before that", again("30 3 * * *", 60, HELSINKI), local(HELSINKI, 2027, 3, 28, 2, 59), None),
    (
        "lasts over a skipped hour",
        again("0 2 * * *", 120, HELSINKI),
        local(HELSINKI, 2027, 3, 28, 4, 30),
        local(HELSINKI, 2027, 3, 28, 5),
    ),
    (
        "repeated start comes the first time",
        again("30 3 * * *", 60, HELSINKI),
        local(HELSINKI, 2026, 10, 25, 3, 40),
        local(HELSINKI, 2026, 10, 25, 3, 30, fold=1),
    ),
    ("and not the second time", again("30 3 * * *", 60, HELSINKI), local(HELSINKI, 2026, 10, 25, 3, 40, fold=1), None),
    (
        "lasts over a repeated hour",
        again("30 2 * * *", 120, HELSINKI),
        local(HELSINKI, 2026, 10, 25, 3, 20, fold=1),
        local(HELSINKI, 2026, 10, 25, 3, 30, fold=1),
    ),
    (
        "southern spring",
        again("30 2 * * *", 60, SYDNEY),
        local(SYDNEY, 2026, 10, 4, 3, 30),
        local(SYDNEY, 2026, 10, 4, 4),
    ),
    ("southern autumn", again("30 2 * * *", 60, SYDNEY), local(SYDNEY, 2027, 4, 4, 2, 45, fold=1), None),
    (
        "half an hour skipped",
        again("15 2 * * *", 60, LORD_HOWE),
        local(LORD_HOWE, 2026, 10, 4, 2, 45),
        local(LORD_HOWE, 2026, 10, 4, 3, 30),
    ),
    (
        "all day long on a day of 23 hours: it runs into the next",
        again("0 0 * * *", 1_420, HELSINKI),
        local(HELSINKI, 2027, 3, 28, 12),
        local(HELSINKI, 2027, 3, 29, 23, 40),
    ),
]


@pytest.mark.parametrize(("window", "instant", "end"), [case[1:] for case in MOVED], ids=[c[0] for c in MOVED])
def test_a_window_by_cron_is_where_its_zones_clock_says(window, instant, end):
    assert quiet_until(monitor(), [window], instant) == end


def test_windows_that_never_let_go_are_followed_a_bounded_way_and_from_there_on_again():
    windows = [again("*/2 * * * *", 1), again("1-59/2 * * * *", 1)]
    end = quiet_until(monitor(), windows, at(12))
    assert at(13) < end < at(14)
    assert quiet_until(monitor(), windows, end) > end


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), max_size=6)


@given(SPANS, st.integers(0, 50), st.none() | st.integers(0, 50))
def test_it_is_quiet_at_each_instant_up_to_the_end_and_not_at_the_end(spans, minute, mute):
    def instant(number: int) -> datetime:
        return DAY + timedelta(minutes=number)

    windows = [once(instant(begin), instant(begin + length)) for begin, length in spans]
    muted_until = None if mute is None else instant(mute)
    end = quiet_until(monitor(muted_until), windows, instant(minute))

    def quiet(number: int) -> bool:
        # A mute holds from whenever it was set: before the instant that is asked about.
        return any(begin <= number < begin + length for begin, length in spans) or (mute is not None and number < mute)

    assert (end is not None) is quiet(minute)
    if end is not None:
        last = int((end - DAY) / timedelta(minutes=1))
        assert all(quiet(number) for number in range(minute, last))
        assert not quiet(last)
