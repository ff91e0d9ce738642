"""The development inbox: what `dev` tells its operator in place of a provider."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from luota_svc.model.deliveries import Dispatch
from luota_svc.model.inbox import InboxMessage
from luota_svc.store import inbox
from luota_svc.usecases.installation import Installation

KEPT: Final = 1_000
SHOWN: Final = 100


async def keep_message(at: Installation, dispatch: Dispatch) -> UUID | None:
    """Keep an alert and return its message's id, the same one for a delivery that is sent again.

    The newest 1,000 messages are kept. None where there is no such delivery; raises Unavailable.
    """
    async with at.database.unit() as unit:
        kept = await inbox.keep(unit, at.clock.new_id(), dispatch, at.clock.now())
        await inbox.forget_all_but(unit, KEPT)
    return kept


async def newest_messages(at: Installation) -> list[InboxMessage]:
    """Return the newest 100 messages, newest first."""
    async with at.database.unit() as unit:
        return await inbox.newest(unit, SHOWN)


async def get_message(at: Installation, message_id: UUID) -> InboxMessage | None:
    """Return one, or None."""
    async with at.database.unit() as unit:
        return await inbox.get(unit, message_id)
