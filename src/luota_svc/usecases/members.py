"""One signal on its way through a batch: what was reported, by whom, and who waits for the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from luota_svc.model.keys import KeyFacts
from luota_svc.model.signals import Accepted, Report


@dataclass(slots=True, eq=False)
class Member:
    """A signal that was admitted and waits to be folded.

    `monitor_id` is filled in before the locks are taken, None while (or because) it is unknown; `foreign` is set
    where the key may not report on what was named: refused with the others, on the same path as a dead key.
    `joined_at` and `expires_at` are instants of the monotonic clock, `size` the bytes it holds in the queue.
    """

    report: Report
    key: KeyFacts
    received_at: datetime
    joined_at: float
    expires_at: float
    door: str
    request_id: str
    caller_request_id: str | None
    traceparent: str | None
    source_address: str
    size: int
    answer: asyncio.Future[Accepted]
    monitor_id: UUID | None = None
    foreign: bool = False
