"""Page sizes and page tokens. A token is opaque and belongs to one list with the same other arguments."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from google.protobuf.message import Message

from luota_svc.core.convert import request_hash
from luota_svc.model.errors import FieldProblem, InvalidRequest
from luota_svc.model.pages import Ask, Newest
from luota_svc.rules.monitor_settings import slug_problems

PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HASH_BYTES: Final = 6
_NUMBER_MAX: Final = 2**31 - 1  # what PostgreSQL's int holds


def newest_ask(request: Any) -> Ask[Newest]:
    """Return which part of a list that is sorted newest first a request wants; InvalidRequest for a bad token."""
    place = _place(request)
    if place is None:
        return Ask(_size(request))
    try:
        microseconds, text = place
        return Ask(_size(request), Newest(_EPOCH + timedelta(microseconds=microseconds), UUID(text)))
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise _bad_token() from error


def slug_ask(request: Any) -> Ask[str]:
    """Return which part of a list that is sorted by slug a request wants; InvalidRequest for a bad token."""
    place = _place(request)
    if place is None:
        return Ask(_size(request))
    if len(place) != 1 or not isinstance(place[0], str) or slug_problems(place[0]):
        raise _bad_token()
    return Ask(_size(request), place[0])


def number_ask(request: Any) -> Ask[int]:
    """Return which part of a list that is sorted by number a request wants; InvalidRequest for a bad token."""
    place = _place(request)
    if place is None:
        return Ask(_size(request))
    match place:
        case [int(number)] if 0 <= number <= _NUMBER_MAX:
            return Ask(_size(request), number)
    raise _bad_token()


def next_token(request: Message, place: Newest | str | int | None) -> str:
    """Return the token of the next page; empty at the end."""
    if place is None:
        return ""
    parts = (
        [place] if isinstance(place, str | int) else [(place.at - _EPOCH) // timedelta(microseconds=1), str(place.id)]
    )
    words = json.dumps([_arguments(request), *parts], separators=(",", ":"))
    return base64.urlsafe_b64encode(words.encode()).decode().rstrip("=")


def _size(request: Any) -> int:
    size: int = request.page_size
    if size < 0:
        raise InvalidRequest(FieldProblem("pageSize", "must not be negative"))
    return min(size, PAGE_SIZE_MAX) or PAGE_SIZE_DEFAULT


def _place(request: Any) -> list[Any] | None:
    token: str = request.page_token
    if not token:
        return None
    place: list[Any]
    try:
        words = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        arguments, *place = json.loads(words)
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise _bad_token() from error
    if not place or arguments != _arguments(request):
        raise _bad_token()
    return place


def _arguments(request: Message) -> str:
    return request_hash(request, "page_size", "page_token")[:_HASH_BYTES].hex()


def _bad_token() -> InvalidRequest:
    return InvalidRequest(FieldProblem("pageToken", "is none of this list"))
