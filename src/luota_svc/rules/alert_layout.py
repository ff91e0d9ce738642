"""How an alert's text is laid out: a hundred columns, names before facts, output by force, URLs never broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from luota_svc.rules.alert_words import clean, one_line

COLUMNS: Final = 100
_LABEL: Final = 13
_OUTPUT_INDENT: Final = "  | "
_VALUE_MOST: Final = 2_000
# A number stays with its unit, a date with its clock.
_TOGETHER: Final = re.compile(r"(?<=\d) (?=(?:d|h|min|s|UTC)\b|\d\d:)")
_TIED: Final = "\N{NO-BREAK SPACE}"


def wrapped(text: str, *, first: str = "", then: str = "") -> list[str]:
    """Return text as lines, the first and the others behind what is given."""
    tied = _TOGETHER.sub(_TIED, text.replace(_TIED, " "))
    lines = wrap(tied, COLUMNS, initial_indent=first, subsequent_indent=then, break_on_hyphens=False)
    return [line.replace(_TIED, " ") for line in lines]


def labelled(label: str, value: str | None) -> list[str]:
    """Return a fact behind its name, in a column; nothing for nothing."""
    line = one_line(value, _VALUE_MOST) if value else ""
    return wrapped(line, first=label.ljust(_LABEL), then=" " * _LABEL)


def link(label: str, url: str) -> list[str]:
    """Return a URL behind its name; it is never broken, or it would lead nowhere."""
    whole = "".join(clean(url).split())
    return [label.ljust(_LABEL) + whole] if whole else []


def boxed(line: str) -> Iterator[str]:
    """Break a line of output by force: it has no words to break at."""
    width = COLUMNS - len(_OUTPUT_INDENT)
    for start in range(0, max(len(line), 1), width):
        yield (_OUTPUT_INDENT + line[start : start + width]).rstrip()
