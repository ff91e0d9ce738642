"""datetime <-> google.protobuf.Timestamp, without the detour through text or floats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# A datetime ends in the year 9999; an instant of its last day may lie in the next year elsewhere.
_SECONDS_MAX: Final = int((datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH).total_seconds())
_SECONDS_MIN: Final = int((datetime(1, 1, 2, tzinfo=UTC) - _EPOCH).total_seconds())


def to_timestamp(instant: datetime) -> Timestamp:
    """Return the same instant, to the microsecond."""
    since = instant - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


def from_timestamp(timestamp: Timestamp) -> datetime:
    """Return the same instant in UTC, cut to the microsecond; what no datetime holds becomes its nearest bound."""
    seconds = min(max(timestamp.seconds, _SECONDS_MIN), _SECONDS_MAX)
    return _EPOCH + timedelta(seconds=seconds, microseconds=timestamp.nanos // 1_000)
