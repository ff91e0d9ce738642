"""Where a drill is told, and how long it may last."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final
from uuid import UUID

# Less than what a delivery may fail before somebody else is told (rules/retry): one that was left alone pages nobody.
LASTS: Final = timedelta(minutes=8)
STANDING_MAX: Final = 5

_RECEIVER: Final = re.compile(r"/v1/drills/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/receiver")


def receiver_url(public_url: str, drill_id: UUID) -> str:
    """Return where a drill's route posts to; `public_url` has no slash at its end."""
    return f"{public_url}/v1/drills/{drill_id}/receiver"


def is_receiver(url: str, public_url: str) -> bool:
    """Tell whether a URL is a drill's receiver of this very installation, letter by letter.

    The address guard lets these pass: they lead to our own door, to a path that reads nothing and tells nothing.
    """
    return url.startswith(public_url) and _RECEIVER.fullmatch(url, len(public_url)) is not None
