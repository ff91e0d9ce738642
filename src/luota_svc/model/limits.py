"""Rate limits as words: policies, what is to be spent, what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID


class Policy(Enum):
    """The four published policies: name on the wire and interval in seconds."""

    MONITOR_TOKEN_MINUTE = ("ingest.monitor_token.minute", 60)
    MONITOR_TOKEN_HOUR = ("ingest.monitor_token.hour", 3600)
    WORKSPACE_MINUTE = ("ingest.workspace.minute", 60)
    SOURCE_IP_MINUTE = ("ingest.source_ip.minute", 60)

    def __init__(self, wire_name: str, interval_seconds: int) -> None:
        """Unpack the pair."""
        self.wire_name = wire_name
        self.interval_seconds = interval_seconds


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """Tokens per interval for each policy; 0 means no limit."""

    monitor_token_minute: int = 60
    monitor_token_hour: int = 1_000
    workspace_minute: int = 6_000
    source_ip_minute: int = 6_000


@dataclass(frozen=True, slots=True)
class KeySpend:
    """One signal's cost to its token's and its workspace's buckets. `monitor` separates a workspace key's monitors.

    `monitor` is the monitor's id, or the text the caller named it by where it has not been looked up yet.
    """

    workspace_id: UUID
    key_id: UUID
    monitor: str
    limits: IngestLimits


@dataclass(frozen=True, slots=True)
class Decision:
    """The tightest bucket after the spend; `allowed` False means nothing was charged anywhere.

    `policy` is None when no limit applies or the answer is not known (Redis away): then no RateLimit header.
    `remaining` is tokens left, `reset_seconds` the whole seconds until that bucket is full again.
    """

    allowed: bool
    policy: Policy | None = None
    limit: int = 0
    remaining: int = 0
    reset_seconds: int = 0


ALLOWED_UNKNOWN = Decision(allowed=True)


class Limiter(Protocol):
    """Spends tokens. Never raises for a Redis that is away: ingest goes on under in-process buckets."""

    async def spend_address(self, address: str, limit: int, cost: int = 1) -> Decision:
        """Charge a source address (IPv6 already cut to its /64) `cost` tokens of the minute bucket, all or nothing."""
        ...

    async def spend_keys(self, spends: Sequence[KeySpend]) -> list[Decision]:
        """Charge each spend in order, each all-or-nothing over its buckets; answers stand in the same order."""
        ...

    async def spend_call(
        self, address: str, address_limit: int, spends: Sequence[KeySpend]
    ) -> tuple[Decision, list[Decision]]:
        """Do both for a caller whose secret is known to be right, in one trip: the address first, one token a spend.

        Where the address is refused, what was decided of the spends is void; their tokens may be gone.
        """
        ...

    @property
    def degraded(self) -> bool:
        """True while Redis is away and the buckets are this process's own."""
        ...
