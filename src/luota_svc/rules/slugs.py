"""Slugs: the short names of workspaces and monitors in manifests and addresses."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NO_SLUG: Final = re.compile(r"[^a-z0-9]+")


def slug_problem(slug: str) -> str | None:
    """Return what is wrong with a slug, in words, or None. A UUID is refused: it would read as an id."""
    if not _SLUG.fullmatch(slug):
        return "must be 1 to 63 of a-z, 0-9 and -, and not begin with -"
    try:
        UUID(slug)
    except ValueError:
        return None
    return "must not look like an id"


def slug_of(name: str) -> str:
    """Return a slug made from a name: "Nightly backup (EU)" -> "nightly-backup-eu"; "" where nothing is left."""
    return _NO_SLUG.sub("-", name.lower()).strip("-")[:63].rstrip("-")
