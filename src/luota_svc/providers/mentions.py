"""Words at which chats call a whole room, or somebody; no job may wake them by what it prints."""

from __future__ import annotations

import re
from typing import Final

_ROOM: Final = re.compile(r"@(?=(?:all|channel|everyone|here)\b)", re.IGNORECASE)
# As Discord marks people, roles and channels.
_MARK: Final = re.compile(r"<(?=[@!#])")
# Nobody sees it: what it stands in reads as before, and is a word like others.
_JOINER: Final = "\N{WORD JOINER}"


def call_no_room(text: str) -> str:
    """Return a text in which `@channel` and its kin, which Mattermost and Discord obey, are words."""
    return _ROOM.sub(f"@{_JOINER}", text)


def call_nobody(text: str) -> str:
    """Return a text in which marks such as `<@U1>` are words too: for services that escape nothing."""
    return _MARK.sub(f"<{_JOINER}", call_no_room(text))
