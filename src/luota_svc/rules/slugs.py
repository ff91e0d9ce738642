"""Slugs from names, where an operator gave only a name."""

from __future__ import annotations

import re
from typing import Final

_NO_SLUG: Final = re.compile(r"[^a-z0-9]+")
_CHARACTERS_MAX: Final = 63


def slug_of(name: str) -> str:
    """Return a slug made from a name: "Nightly backup (EU)" -> "nightly-backup-eu"; "" where nothing is left."""
    return _NO_SLUG.sub("-", name.lower()).strip("-")[:_CHARACTERS_MAX].rstrip("-")
