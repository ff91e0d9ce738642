"""What the development inbox holds, for its page. No part of the contract: only `dev` has it."""

from __future__ import annotations

from uuid import UUID

from luota_svc.model.inbox import InboxMessage
from luota_svc.usecases import inbox
from luota_svc.usecases.installation import Installation


class Inbox:
    """Reads the inbox of one installation."""

    def __init__(self, at: Installation) -> None:
        """Read nothing yet."""
        self._at = at

    async def newest(self) -> list[InboxMessage]:
        """Return the newest 100 messages, newest first."""
        return await inbox.newest_messages(self._at)

    async def get(self, message_id: UUID) -> InboxMessage | None:
        """Return one, or None."""
        return await inbox.get_message(self._at, message_id)
