"""Whether a cron line can be read at all: five fields, names and macros. When it fires is not decided here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

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
_PART: Final = re.compile(r"(?:\*|([0-9A-Za-z]{1,3})(?:-([0-9A-Za-z]{1,3}))?)(?:/([0-9]{1,3}))?", re.ASCII)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAYS_OF_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _WEEKDAYS),
)


def cron_problem(text: str) -> str | None:
    """Return what is wrong with a cron line, in words, or None. A day that no month has is wrong, too."""
    line = text.strip()
    if len(line) > _LENGTH_MAX:
        return f"must be at most {_LENGTH_MAX} characters"
    if line.startswith("@"):
        return None if line.lower() in MACROS else f"must be a known macro: {', '.join(MACROS)}"
    words = line.split()
    if len(words) != len(_FIELDS):
        return "must have five fields: minute, hour, day of month, month, day of week"
    values: list[set[int]] = []
    for field, word in zip(_FIELDS, words, strict=True):
        found = _values(field, word)
        if isinstance(found, str):
            return found
        values.append(found)
    _, _, days, months, _ = values
    # With a day of week set as well, either of the two suffices, so the day of month may be one that never comes.
    if words[4].startswith("*") and not any(min(days) <= _DAYS_OF_MONTH[month - 1] for month in months):
        return "must name a day that one of its months has"
    return None


def plain_line(text: str) -> str:
    """Return a line's five fields, a macro as what it stands for."""
    line = text.strip()
    return MACROS.get(line.lower(), line)


def _values(field: _Field, word: str) -> set[int] | str:
    """Return the values that one field stands for, or its problem."""
    values: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return f"has a {field.name} that cannot be read: {part!r}"
        low_text, high_text, step_text = match.groups()
        low = field.first if low_text is None else _number(field, low_text)
        # In Debian's cron a step after a single value runs to the end of the field.
        open_end = low_text is None or (high_text is None and step_text is not None)
        high = field.last if open_end else _number(field, high_text) if high_text is not None else low
        step = 1 if step_text is None else int(step_text)
        if low is None or high is None:
            return f"has a {field.name} outside {field.first}-{field.last}: {part!r}"
        if low > high:
            return f"has a {field.name} range that runs backwards: {part!r}"
        if step == 0:
            return f"has a {field.name} step of zero: {part!r}"
        values.update(range(low, high + 1, step))
    return values


def _number(field: _Field, text: str) -> int | None:
    """Return the number that a text or a name stands for, None where it is outside the field."""
    if text.isdigit():
        number = int(text)
        return number if field.first <= number <= field.last else None
    name = text.lower()
    return field.names.index(name) + field.first if name in field.names else None
