"""What people call things: it stands in subjects, logs and tables, so it is one line that reads as it was written."""

from __future__ import annotations

import re
from typing import Final

# Line ends, what moves a terminal's cursor or turns a line's direction around, and halves of characters. Joiners stay:
# names in many scripts, and emoji, need them.
_NOT_IN_NAMES: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def line_problem(name: str) -> str | None:
    """Return what is wrong with the characters of a name, in words, or None; its length is judged elsewhere."""
    return "must be one line of printable characters" if _NOT_IN_NAMES.search(name) else None
