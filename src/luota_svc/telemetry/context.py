"""Which request this task works for: the ids that every log line carries. No spans, no tenants."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple


class RequestIds(NamedTuple):
    """The request id that we minted and the 32 hex digits of its trace; empty where nobody asked."""

    request_id: str = ""
    trace_id: str = ""


_NOBODY = RequestIds()
_ids: ContextVar[RequestIds] = ContextVar("luota_request_ids", default=_NOBODY)


def current_ids() -> RequestIds:
    """Return the ids bound in this task; both empty outside a request."""
    return _ids.get()


def bind_ids(request_id: str, trace_id: str = "") -> None:
    """Bind the ids to this task and to all it starts from now on. Whoever binds owns the task: nothing is put back."""
    _ids.set(RequestIds(request_id, trace_id))
