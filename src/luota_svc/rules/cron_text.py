"""Whether a cron line can be kept: what the library reads of five fields, and macros. Problems are told in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from cronsim import CronSim, CronSimError

MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_LENGTH_MAX: Final = 256
# The name of each field, its article, and what may stand in it beside lists, ranges and steps.
_FIELDS: Final = (
    ("a minute", "0-59"),
    ("an hour", "0-23"),
    ("a day of month", "1-31, L for the last, LW for the last weekday"),
    ("a month", "1-12 or JAN-DEC"),
    ("a day of week", "0-7 or SUN-SAT, 5#2 for the second Friday, 5L for the last"),
)
# Days of the week come back to the same dates after 28 years, and the rarest day is the 29th of February.
_BEGINS: Final = tuple(datetime(year, 3, 1, tzinfo=UTC) for year in range(2000, 2028, 4))
_RAREST: Final = timedelta(days=3_653)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def cron_problem(text: str) -> str | None:
    """Return what is wrong with a cron line, in words, or None. One that never comes is wrong, too."""
    line = text.strip()
    if len(line) > _LENGTH_MAX:
        return f"must be at most {_LENGTH_MAX} characters"
    if line.startswith("@"):
        return None if line.lower() in MACROS else f"must be a known macro: {', '.join(MACROS)}"
    words = line.split()
    if len(words) != len(_FIELDS):
        return "must have five fields: minute, hour, day of month, month, day of week"
    for place, (name, allowed) in enumerate(_FIELDS):
        for part in words[place].split(","):
            if not _is_read(place, part):
                return f"has {name} that cannot be read: {part!r} (allowed: *, {allowed}, lists, ranges, steps)"
    try:
        rare = any(next(CronSim(line, begin), _NEVER) - begin > _RAREST for begin in _BEGINS)
    except CronSimError:
        return "must name a day that one of its months has"
    return "must come at least once in ten years" if rare else None


def plain_line(text: str) -> str:
    """Return a line's five fields, a macro as what it stands for."""
    line = text.strip()
    return MACROS.get(line.lower(), line)


def _is_read(place: int, part: str) -> bool:
    """Tell whether the library reads a part of one field. It upper-cases foreign letters into our own; we do not."""
    words = ["*"] * len(_FIELDS)
    words[place] = part
    try:
        CronSim(" ".join(words), _BEGINS[0])
    except CronSimError:
        return False
    return part.isascii()
