"""Which request this task works for: the ids that every log line carries. No spans, no tenants."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import Token


class RequestIds(NamedTuple):
    """The request id that we minted and the 32 hex digits of its trace; empty where nobody asked."""

    request_id: str = ""
    trace_id: str = ""


_NOBODY = RequestIds()
_ids: ContextVar[RequestIds] = ContextVar("luota_request_ids", default=_NOBODY)


def current_ids() -> RequestIds:
    """Return the ids bound in this task; both empty outside a request."""
    return _ids.get()


def bind_ids(request_id: str, trace_id: str = "") -> Token[RequestIds]:
    """Bind the ids to this task and to all it starts from now on. A door that owns its task need not unbind."""
    return _ids.set(RequestIds(request_id, trace_id))


def unbind_ids(token: Token[RequestIds]) -> None:
    """Put back what was bound before `bind_ids` gave `token`; same task only."""
    _ids.reset(token)


@contextmanager
def ids_bound(request_id: str, trace_id: str = "") -> Iterator[None]:
    """Bind the ids for the length of a block."""
    token = bind_ids(request_id, trace_id)
    try:
        yield
    finally:
        unbind_ids(token)
