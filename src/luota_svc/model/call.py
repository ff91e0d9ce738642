"""What a door knows about one request before anything was decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from luota_svc.model.limits import Decision


class Door(StrEnum):
    """Where a request knocked."""

    HTTP = "http"
    GRPC = "grpc"


@dataclass(slots=True)
class Call:
    """One request: who, from where, under which ids, how long it may take.

    `credentials` are all the secrets that were shown, as sent; several that differ are refused.
    `source_address` is already resolved through trusted proxies. `expires_at` is an instant of the monotonic
    clock (seconds) by which an answer must stand. `limit` is filled in by admission: the tightest bucket, for the
    RateLimit headers. `workspace_id`... are what the support record shows; filled in as they become known.
    """

    door: Door
    method: str
    request_id: str
    received_at: datetime
    expires_at: float
    source_address: str
    credentials: tuple[str, ...] = ()
    caller_request_id: str | None = None
    traceparent: str | None = None
    idempotency_key: str | None = None
    limit: Decision | None = None
    subject: dict[str, str] = field(default_factory=dict)
