"""How single values are spelled in JSON: enums as lower-case words, instants in RFC 3339 with milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def enum_words(descriptor: EnumDescriptor) -> dict[int, str]:
    """Return number -> word: the name without its enum's prefix, lower case. The zero value has no word."""
    prefix = enum_prefix(descriptor)
    return {value.number: value.name.removeprefix(prefix).lower() for value in descriptor.values if value.number}


def enum_prefix(descriptor: EnumDescriptor) -> str:
    """Return what every value's name begins with, such as `RUN_STATE_`."""
    return descriptor.values[0].name.removesuffix("UNSPECIFIED")


def instant_text(instant: Timestamp) -> str:
    """Return `2026-05-25T12:00:00.000Z`."""
    return f"{_second_text(instant.seconds)}.{instant.nanos // 1_000_000:03d}Z"


@lru_cache(maxsize=4_096)
def _second_text(seconds: int) -> str:
    """Return the instant without its fraction; receipts of one second share it."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
