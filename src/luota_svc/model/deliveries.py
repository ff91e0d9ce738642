"""The duty to tell one route about changes of incidents, the attempts at it, and what became of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from luota_svc.model.routes import RouteKind, RouteState, Target

_ERROR_CHARACTERS_MAX: Final = 1_000
_ID_CHARACTERS_MAX: Final = 200
_REPLY_CHARACTERS_MAX: Final = 4_096
# What PostgreSQL or UTF-8 can't hold, or would move a terminal's cursor or turn a line's direction around.
_NOT_IN_LINES: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
_NOT_IN_TEXTS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]+")


class DeliveryState(StrEnum):
    """pending -> sending -> delivered | failed_retrying | failed_terminal; or cancelled (docs/states.md)."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED_RETRYING = "failed_retrying"
    FAILED_TERMINAL = "failed_terminal"
    CANCELLED = "cancelled"


class DeliveryReason(StrEnum):
    """Which change the route is told about."""

    OPENED = "opened"
    REMINDER = "reminder"
    RESOLVED = "resolved"
    ESCALATION = "escalation"
    ROUTE_FAILURE = "route_failure"
    TEST = "test"
    DRILL = "drill"


class OutcomeKind(StrEnum):
    """What became of one attempt, whatever the provider calls it."""

    # The provider has taken it.
    DELIVERED = "delivered"
    # It said no in a way that somebody may mend: a redirect, 400, 401, 403, 404, a body that is not `ok`.
    REFUSED = "refused"
    # It asked us to slow down (429, or 503 with such words by a vendor's documents).
    THROTTLED = "throttled"
    # 502, 503, 504: it, or what stands in front of it, can't at this moment.
    OVERLOADED = "overloaded"
    # Any other fault of its own: 500, a reply that is no HTTP, SMTP 4yz.
    FAILED = "failed"
    # No whole answer in time; it may have taken it all the same.
    TIMED_OUT = "timed_out"
    # No connection, or one that broke: DNS, refused, reset, TLS.
    UNREACHABLE = "unreachable"
    # It said no for good: 410, a vendor's permanent answer, SMTP 5yz. Nothing more is sent.
    REJECTED = "rejected"
    # The address guard forbids the target. Nothing was sent.
    BLOCKED = "blocked"
    # The worker was gone before it said what became of it. Written by whoever takes over.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to. No member holds a secret; `error` is one sentence for a tired person.

    Whatever a provider said, its words can be kept: `error` and `provider_id` are one line, no text holds control
    characters or lone surrogates, and all are bounded. A result that can't be written would be sent again.
    """

    kind: OutcomeKind
    error: str | None = None
    http_status: int | None = None
    # What the provider calls it: what a person may ask the provider about.
    provider_id: str | None = None
    # As the provider asked, in seconds, unbounded.
    retry_after_seconds: int | None = None
    # The first 4 KiB of what it said, cleaned.
    reply: str | None = None
    resolved_address: str | None = None
    # Of an e-mail: who has not taken it and may yet; empty where all have, None where it has no recipients.
    recipients: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Make the words of others such as can be kept."""
        kept = (
            ("error", self.error, _line(self.error, _ERROR_CHARACTERS_MAX)),
            ("provider_id", self.provider_id, _line(self.provider_id, _ID_CHARACTERS_MAX)),
            ("reply", self.reply, _text(self.reply)),
        )
        for name, said, text in kept:
            if text is not said:
                object.__setattr__(self, name, text)


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One attempt to be made: all that a provider needs. `content` is the frozen alert, the same on every attempt."""

    delivery_id: UUID
    # Counts the attempts of this delivery, lost and deferred ones too.
    number: int
    reason: DeliveryReason
    content: bytes
    request_id: str | None
    # The attempt's own span.
    traceparent: str | None
    target: Target
    # Of an e-mail: who is still to be told; empty means everybody on the target.
    recipients: tuple[str, ...] = ()


class Claimed(NamedTuple):
    """A delivery that this process holds until its lease ends, with what its settling needs to know."""

    id: UUID
    workspace_id: UUID
    route_id: UUID
    route_name: str
    kind: RouteKind
    route_state: RouteState
    destination: bytes
    reason: DeliveryReason
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    attempt_count: int
    deferral_count: int
    lost_count: int
    lease_token: int
    content: bytes
    target: Target
    recipients: tuple[str, ...]
    request_id: str | None
    traceparent: str | None
    first_attempt_traceparent: str | None
    # Known before anything is sent: the attempt is settled with it, and no provider is asked.
    refusal: Outcome | None = None

    @property
    def number(self) -> int:
        """The number of the attempt that is to be made."""
        return self.attempt_count + self.deferral_count + self.lost_count + 1


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a claimed delivery's attempt, to be written."""

    claimed: Claimed
    outcome: Outcome
    started_at: datetime
    ended_at: datetime
    worker: str
    # The attempt's span.
    traceparent: str | None


def _line(text: str | None, most: int) -> str | None:
    """Return a text on one line; None where nothing is left of it."""
    if text is None or text.isprintable():
        return text and text[:most]
    return _NOT_IN_LINES.sub(" ", text).strip()[:most] or None


def _text(text: str | None) -> str | None:
    """Return a text of several lines; None where there is none."""
    if text is None or text.isprintable():
        return text and text[:_REPLY_CHARACTERS_MAX]
    return _NOT_IN_TEXTS.sub(" ", text)[:_REPLY_CHARACTERS_MAX]
