"""Between message values and model words: ids, instants, enums, masks. Knows no noun."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from luota_svc.core.instants import to_timestamp
from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest
from luota_svc.model.idempotency import Idempotency

Word = TypeVar("Word", bound=StrEnum)

# A malformed id in a path names nothing: no row has this id, so the answer is Not found, after admission.
NOBODY: Final = UUID(int=0)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_IDEMPOTENCY_KEY_MAX: Final = 200
_PATH_MAX: Final = 64


def path_id(text: str) -> UUID:
    """Return the id that a path names; one that is malformed names nothing."""
    return UUID(text) if _UUID.fullmatch(text) else NOBODY


def body_id(text: str, field: str) -> UUID:
    """Return the id that a body or a query names, in any case; InvalidRequest if it is malformed."""
    if not _UUID.fullmatch(text):
        raise InvalidRequest(FieldProblem(field, "must be a UUID"))
    return UUID(text)


def optional_id(text: str, field: str) -> UUID | None:
    """Return the id that a body or a query names, None where it names none."""
    return body_id(text, field) if text else None


def text_of(value: UUID | None) -> str | None:
    """Return an id as text, None for none: what an optional field takes."""
    return None if value is None else str(value)


def timestamp(at: datetime | None) -> Timestamp | None:
    """Return an instant as a message; None leaves the field unset."""
    return None if at is None else to_timestamp(at)


def instant(message: Message, name: str, field: str) -> datetime | None:
    """Return the instant in one field of a message, None where it is unset; InvalidRequest outside the years 1-9999."""
    if not message.HasField(name):
        return None
    value: Timestamp = getattr(message, name)
    try:
        return value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(FieldProblem(field, "must be an instant of the years 1 to 9999")) from error


def number_of(enum: Any, prefix: str, word: str) -> Any:
    """Return the enum's number of a model word: ("MONITOR_KIND", "run") -> MONITOR_KIND_RUN."""
    return enum.Value(f"{prefix}_{word.upper()}")


def word_of(enum: Any, prefix: str, number: int, words: type[Word], field: str) -> Word | None:
    """Return the model word of an enum's number, None where it is unspecified; InvalidRequest for a foreign number."""
    if number == 0:
        return None
    try:
        return words(enum.Name(number).removeprefix(f"{prefix}_").lower())
    except ValueError as error:
        raise InvalidRequest(FieldProblem(field, f"must be one of {', '.join(words)}")) from error


def masked_paths(mask: FieldMask, known: Mapping[str, Sequence[str]], ignored: frozenset[str]) -> set[str]:
    """Return the settings that a mask names; `known` maps each path to the settings it covers.

    `*` is all of them. Derived fields may be named and change nothing, so that what was read can be sent back.
    InvalidRequest for a mask that names nothing, and for a path that is unknown, naming it if a field could be so long.
    """
    if not mask.paths:
        raise InvalidRequest(FieldProblem("updateMask", "names no field"))
    covered: set[str] = set()
    for path in mask.paths:
        if path == "*":
            covered.update(*known.values())
        elif path in known:
            covered.update(known[path])
        elif len(path) > _PATH_MAX:  # a caller's own text goes into trailers, which clients bound
            raise InvalidRequest(FieldProblem("updateMask", "names a field that is not known"))
        elif path not in ignored:
            raise InvalidRequest(FieldProblem(_public(path), "is no field that can be changed"))
    return covered


def request_hash(request: Message, *without: str) -> bytes:
    """Return a hash over a request's kind and all of its fields but some."""
    copy = type(request)()
    copy.CopyFrom(request)
    for name in without:
        copy.ClearField(name)
    words = request.DESCRIPTOR.full_name.encode() + b"\0" + copy.SerializeToString(deterministic=True)
    return hashlib.sha256(words).digest()


def idempotency_of(call: Call, request: Message) -> Idempotency | None:
    """Return what makes a create repeatable: the request's own key, or the one that the door found beside it."""
    key = getattr(request, "idempotency_key") or call.idempotency_key  # noqa: B009 - the field is known by name only
    if not key:
        return None
    if len(key) > _IDEMPOTENCY_KEY_MAX:
        raise InvalidRequest(FieldProblem("idempotencyKey", f"must be at most {_IDEMPOTENCY_KEY_MAX} characters"))
    return Idempotency(key, request_hash(request, "idempotency_key"))


def refuse_nul(request: Message) -> None:
    """Raise InvalidRequest where any text holds U+0000, which PostgreSQL cannot keep."""
    if b"\0" not in request.SerializeToString():
        return
    for field, value in request.ListFields():
        if any("\0" in text for text in _texts(value)):
            raise InvalidRequest(FieldProblem(field.json_name, "must not contain U+0000"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Message):
        for _, inner in value.ListFields():
            yield from _texts(inner)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for inner in value:
            yield from _texts(inner)


def _public(path: str) -> str:
    head, *rest = path.split("_")
    return head + "".join(part.capitalize() for part in rest)
