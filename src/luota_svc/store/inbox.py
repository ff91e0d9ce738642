"""The development inbox as rows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from luota_svc.model.deliveries import Dispatch
from luota_svc.model.inbox import InboxMessage
from luota_svc.store.catalogue import load_catalogue
from luota_svc.store.database import Unit

SQL = load_catalogue("inbox")


async def keep(unit: Unit, message_id: UUID, dispatch: Dispatch, now: datetime) -> UUID | None:
    """Keep an alert and return its message's id, the first one's where the delivery was sent before.

    None where there is no such delivery.
    """
    parameters = {
        "id": message_id,
        "delivery_id": dispatch.delivery_id,
        "received_at": now,
        "content": dispatch.content,
        "request_id": dispatch.request_id,
    }
    if await unit.run(SQL["keep"], parameters) == 1:
        return message_id
    row = await unit.row(SQL["find"], {"delivery_id": dispatch.delivery_id})
    if row is None:
        return None
    first: UUID = row["id"]
    return first


async def forget_all_but(unit: Unit, kept: int) -> None:
    """Let go of all messages but the newest."""
    await unit.run(SQL["forget"], {"kept": kept})


async def newest(unit: Unit, most: int) -> list[InboxMessage]:
    """Return the newest messages, newest first."""
    return [_message(row) for row in await unit.rows(SQL["newest"], {"most": most})]


async def get(unit: Unit, message_id: UUID) -> InboxMessage | None:
    """Return one, or None."""
    row = await unit.row(SQL["read"], {"id": message_id})
    return None if row is None else _message(row)


def _message(row: DictRow) -> InboxMessage:
    return InboxMessage(**{**row, "content": bytes(row["content"])})
