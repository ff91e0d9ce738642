"""Watching incidents: message -> model words -> use case -> messages, and cursors as opaque text."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final

from luota.v1 import incident_service_pb2 as rpc
from luota_svc.core.convert import path_id
from luota_svc.core.incidents import event_message, incident_message
from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest
from luota_svc.model.watching import Cursor, Place, Scope, Told
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.watching import Watching

# What PostgreSQL's xid8 and bigint hold.
_TRANSACTION_MAX: Final = 2**64 - 1
_POSITION_MAX: Final = 2**63 - 1
_SECONDS_MAX: Final = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


async def watch_incidents(
    at: Installation, watching: Watching, call: Call, request: rpc.WatchIncidentsRequest
) -> AsyncGenerator[rpc.WatchIncidentsResponse, None]:
    """Tell what happens to the incidents of a workspace, or to one."""
    scope = Scope(
        workspace_id=path_id(request.workspace_id) if request.workspace_id or not request.incident_id else None,
        incident_id=path_id(request.incident_id) if request.incident_id else None,
    )
    cursor = read_cursor(request.cursor) if request.cursor else None
    async with aclosing(watching.watch(call, scope, cursor)) as words:
        async for told in words:
            yield _response(at, told)


def write_cursor(cursor: Cursor) -> str:
    """Return a cursor as its holder keeps it."""
    words = json.dumps([cursor.cluster, *cursor.place, int(cursor.at.timestamp())], separators=(",", ":"))
    return base64.urlsafe_b64encode(words.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """Return the cursor that a text stands for; InvalidRequest for one that is none of ours."""
    try:
        words: Any = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise _no_cursor() from error
    match words:
        case [str(cluster), int(transaction_id), int(position), int(seconds)] if (
            0 <= transaction_id <= _TRANSACTION_MAX and 0 <= position <= _POSITION_MAX and 0 <= seconds <= _SECONDS_MAX
        ):
            return Cursor(cluster, Place(transaction_id, position), datetime.fromtimestamp(seconds, UTC))
    raise _no_cursor()


def _no_cursor() -> InvalidRequest:
    return InvalidRequest(FieldProblem("cursor", "is none of ours"))


def _response(at: Installation, told: Told) -> rpc.WatchIncidentsResponse:
    happening, cursor = told.happening, write_cursor(told.cursor)
    if happening is None:
        return rpc.WatchIncidentsResponse(cursor=cursor)
    return rpc.WatchIncidentsResponse(
        cursor=cursor, event=event_message(happening.entry), incident=incident_message(at, happening.incident)
    )
