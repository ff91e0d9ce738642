"""The instants of a cron line in its time zone, as Debian's cron has them.

The library does the calendar on a bare wall clock; what happens when that clock is moved is decided here. A line whose
minute or hour begins with a star follows the wall clock: it pauses in a skipped hour and comes twice in a repeated one.
Any other names times of the day: those that are skipped come as soon as the clock was moved, those that are repeated
come the first time only.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from luota_svc.rules.cron_text import plain_line

_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)


def instants_after(line: str, timezone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the line's instants after an instant up to another, in order."""
    plain, zone = plain_line(line), ZoneInfo(timezone)
    follow = _by_the_clock if follows_wall_clock(plain) else _at_named_times
    for instant in follow(plain, zone, after, until):
        if instant > until:
            return
        yield instant


def instant_before(line: str, timezone: str, before: datetime, since: datetime) -> datetime | None:
    """Return the line's last instant before an instant, None where there is none from `since` on."""
    plain, zone = plain_line(line), ZoneInfo(timezone)
    find = _by_the_clock_before if follows_wall_clock(plain) else _at_named_times_before
    instant = find(plain, zone, before)
    return instant if instant is not None and instant >= since else None


def follows_wall_clock(line: str) -> bool:
    """Tell whether a line of five fields comes whenever the wall clock shows it, the repeated hour included."""
    minute, hour, *_ = line.split()
    return minute.startswith("*") or hour.startswith("*")


def walls_between(line: str, begin: datetime, end: datetime, most: int) -> list[datetime]:
    """Return the times from `begin` up to before `end` that a wall clock would show if the line meant no zone."""
    walls = CronSim(line, begin - timedelta(seconds=1))
    return list(islice(takewhile(lambda wall: wall < end, walls), most))


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when a wall clock first shows a time or, if it skips it, when it does so."""
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if wall_of(first, zone) == wall:
        return first
    # By the offset before the change it would come after it, by the offset that follows before it.
    change = last_change(zone, wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first)
    assert change is not None
    return change


def wall_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return what the wall clock shows at an instant."""
    return instant.astimezone(zone).replace(tzinfo=None)


def offset_of(instant: datetime, zone: ZoneInfo) -> timedelta:
    """Return by how much the wall clock is ahead of UTC at an instant."""
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def last_change(zone: ZoneInfo, after: datetime, until: datetime) -> datetime | None:
    """Return the last change of a zone's offset after an instant up to another."""
    changes = (change for year in range(until.year, after.year - 1, -1) for change in reversed(_changes(zone, year)))
    return next((change for change in changes if after < change <= until), None)


def _first_change(zone: ZoneInfo, after: datetime, until: datetime) -> datetime | None:
    changes = (change for year in range(after.year, until.year + 1) for change in _changes(zone, year))
    return next((change for change in changes if after < change <= until), None)


def _at_named_times(line: str, zone: ZoneInfo, after: datetime, _until: datetime) -> Iterator[datetime]:
    for wall in CronSim(line, wall_of(after, zone)):
        # In the second turn of a repeated hour, what lies ahead on the wall clock has come already; and several times
        # that were skipped come as one.
        if (instant := instant_of(wall, zone)) > after:
            yield instant
            after = instant


def _at_named_times_before(line: str, zone: ZoneInfo, before: datetime) -> datetime | None:
    local = before.astimezone(zone)
    begin = local.replace(tzinfo=None)
    if local.fold:
        # In the second turn of a repeated hour, the last one may lie ahead on the wall clock.
        begin += before - local.replace(fold=0).astimezone(UTC)
    for wall in CronSim(line, begin, reverse=True):
        if (instant := instant_of(wall, zone)) < before:
            return instant
    return None


def _by_the_clock(line: str, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    begin = after
    while True:
        offset = offset_of(after, zone)
        for wall in CronSim(line, (begin + offset).replace(tzinfo=None)):
            instant = wall.replace(tzinfo=UTC) - offset
            change = _first_change(zone, after, min(instant, until + _DAY))
            if change is not None:
                # The search goes on with the new offset; the very instant of the change may be the next.
                after, begin = change, change - _TICK
                break
            if instant > until:
                return
            yield instant
            after = instant
        else:
            return


def _by_the_clock_before(line: str, zone: ZoneInfo, before: datetime) -> datetime | None:
    while True:
        offset = offset_of(before - _TICK, zone)
        wall = next(CronSim(line, (before + offset).replace(tzinfo=None), reverse=True), None)
        if wall is None:
            return None
        instant = wall.replace(tzinfo=UTC) - offset
        change = last_change(zone, instant, before - _TICK)
        if change is None:
            return instant
        before = change


@lru_cache(maxsize=4_096)
def _changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    """Return when a zone's offset changes in a year of UTC. No zone changes it twice within a day."""
    end_of_year = datetime(year + 1, 1, 1, tzinfo=UTC) - _TICK
    day = datetime(year, 1, 1, tzinfo=UTC) - _TICK
    changes = []
    while day < end_of_year:
        if offset_of(day, zone) != offset_of(day + _DAY, zone):
            changes.append(_change_within(zone, day, day + _DAY))
        day += _DAY
    return tuple(changes)


def _change_within(zone: ZoneInfo, begin: datetime, end: datetime) -> datetime:
    before = offset_of(begin, zone)
    while end - begin > _TICK:
        middle = begin + (end - begin) // 2
        begin, end = (middle, end) if offset_of(middle, zone) == before else (begin, middle)
    return end
