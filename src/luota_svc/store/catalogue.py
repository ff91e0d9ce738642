"""Loads a noun's statements from `<noun>.sql`: each has a name, a line of purpose and its text."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, LiteralString

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADER = re.compile(r"^-- name: (?P<name>[a-z0-9_]+)\n", re.MULTILINE)


def load_catalogue(noun: str) -> Mapping[str, LiteralString]:
    """Return name -> SQL of one noun's file. A name that stands twice, or a statement without purpose, is an error.

    The text is honestly a LiteralString: it is a file of this package and never takes a caller's words.
    """
    text = resources.files(__package__).joinpath(f"{noun}.sql").read_text(encoding="utf-8")
    statements: dict[str, LiteralString] = {}
    _, *parts = _HEADER.split(text)
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in statements or not body.startswith("-- "):
            raise ValueError(f"{noun}.sql: {name} stands twice or says no purpose")
        statements[name] = body.strip()
    return statements
