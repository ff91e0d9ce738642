"""Who may report, and how much: source-address bucket, then the secret, then the token's and workspace's buckets.

In this order, so that a failed key is charged to the address alone and nobody can drain a bucket of someone else's.
Nothing here says that a key is alive: every batch asks the database for that itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from luota_svc.model.errors import InvalidIngestKey, LuotaError, RateLimited, Unavailable
from luota_svc.model.keys import KeyFacts, Token, WorkspaceLimits
from luota_svc.model.limits import IngestLimits, KeySpend
from luota_svc.rules.address import bucket_address
from luota_svc.rules.ingest_key import DUMMY_HASH, choose_credential, parse_token, prefix_agrees, secret_matches
from luota_svc.store.ingest import BatchFailed, ingest_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from luota_svc.model.call import Call
    from luota_svc.model.limits import Decision, Limiter
    from luota_svc.model.signals import Report
    from luota_svc.store.database import Database
    from luota_svc.telemetry.metrics import Metrics
    from luota_svc.usecases.memories import MonitorSlugs, RunOwners

_KEYS_MAX = 20_000


class Admission:
    """Admits ingest calls. Caches immutable facts of keys, and their workspaces' limits as the last batch saw them."""

    def __init__(
        self,
        *,
        database: Database,
        limiter: Limiter,
        limits: IngestLimits,
        owners: RunOwners,
        slugs: MonitorSlugs,
        metrics: Metrics,
    ) -> None:
        """`limits` are the installation's; a workspace's own go before them."""
        self._database = database
        self._limiter = limiter
        self._limits = limits
        self._owners = owners
        self._slugs = slugs
        self._metrics = metrics
        self._facts: dict[UUID, KeyFacts] = {}
        self._subjects: dict[UUID, dict[str, str]] = {}
        self._effective: dict[UUID, tuple[WorkspaceLimits, IngestLimits]] = {}
        self._dead: dict[UUID, None] = {}

    async def admit(self, call: Call, reports: Sequence[Report]) -> tuple[KeyFacts, list[LuotaError | None]]:
        """Return the key's facts and, for each report, None or the refusal that stands in its place.

        Raises RateLimited where the address's bucket can't pay for all, InvalidIngestKey for a token that is none.
        """
        token = self._token(call)
        facts = self._facts.get(token.key_id) if token else None
        if token is None or facts is None or token.key_id in self._dead or not _opens(token, facts):
            # A secret that is not known to be right pays at the address before anything is looked up.
            await self._spend_address(call, len(reports))
            facts = await self._verify(token)
            call.subject.update(self._subjects[facts.key_id])
            return facts, self._verdicts(call, await self._limiter.spend_keys(self._spends(facts, reports)))
        call.subject.update(self._subjects[facts.key_id])
        address, spends = bucket_address(call.source_address), self._spends(facts, reports)
        of_address, of_keys = await self._limiter.spend_call(address, self._limits.source_ip_minute, spends)
        self._require(call, of_address)
        return facts, self._verdicts(call, of_keys)

    async def admit_stranger(self, call: Call) -> None:
        """Charge the address of a call that shows no key, before any look-up. RateLimited where it can't pay."""
        await self._spend_address(call, 1)

    def remember_limits(self, key_id: UUID, limits: WorkspaceLimits) -> None:
        """Take the limits of a key's workspace as a batch just read them."""
        known = self._effective.get(key_id)
        if known is None or known[0] != limits:
            self._effective[key_id] = (limits, self._merge(limits))

    def remember_dead(self, key_id: UUID) -> None:
        """Take it from a batch that a key is revoked or expired, which never ends: from now on it is a failed key.

        Whoever still holds a token that was taken away must not be able to empty its workspace's buckets with it.
        """
        self._dead[key_id] = None
        if len(self._dead) > _KEYS_MAX:
            del self._dead[next(iter(self._dead))]

    async def _spend_address(self, call: Call, cost: int) -> None:
        address = bucket_address(call.source_address)
        self._require(call, await self._limiter.spend_address(address, self._limits.source_ip_minute, cost))

    def _require(self, call: Call, decision: Decision) -> None:
        self._note(call, decision)
        if not decision.allowed:
            raise self._refusal(decision)

    def _spends(self, facts: KeyFacts, reports: Sequence[Report]) -> list[KeySpend]:
        known = self._effective.get(facts.key_id)
        limits = known[1] if known else self._limits
        return [
            KeySpend(facts.workspace_id, facts.key_id, self._monitor_name(facts, report), limits) for report in reports
        ]

    def _verdicts(self, call: Call, decisions: list[Decision]) -> list[LuotaError | None]:
        for decision in decisions:
            self._note(call, decision)
        return [None if decision.allowed else self._refusal(decision) for decision in decisions]

    def _monitor_name(self, facts: KeyFacts, report: Report) -> str:
        """Name the bucket's monitor as far as it is known before any look-up."""
        if facts.monitor_id is not None:
            return str(facts.monitor_id)
        if report.run_id is not None:
            owner = self._owners.get(report.run_id)
            # Until a batch has read whose it is, a run counts alone: one bucket for all unknown runs would refuse
            # the closes of healthy jobs whose starts another process took.
            return str(owner or report.run_id)
        if report.monitor is not None:
            return str(self._slugs.get((facts.workspace_id, report.monitor)) or report.monitor)
        return str(report.monitor_id)

    def _token(self, call: Call) -> Token | None:
        credential = choose_credential(call.credentials)
        return parse_token(credential) if credential else None

    async def _verify(self, token: Token | None) -> KeyFacts:
        if token is None:
            raise InvalidIngestKey
        # An unknown id, a wrong secret and a dead key all take this way, so that none can be told by its time.
        known = self._facts.get(token.key_id)
        try:
            facts = await self._look_up(token.key_id)
        except Unavailable:
            if known is None:
                raise
            facts = known
        if facts is None:
            secret_matches(token.secret, DUMMY_HASH)
            raise InvalidIngestKey
        if not _opens(token, facts) or token.key_id in self._dead:
            raise InvalidIngestKey
        return facts

    async def _look_up(self, key_id: UUID) -> KeyFacts | None:
        try:
            async with ingest_transaction(self._database) as transaction:
                found = await transaction.find_key_facts([key_id])
        except BatchFailed as failed:
            raise Unavailable(f"key facts: {failed.failure.value}") from failed
        if key_id not in found:
            return None
        facts, limits = found[key_id]
        if len(self._facts) >= _KEYS_MAX:
            oldest = next(iter(self._facts))
            del self._facts[oldest]
            self._effective.pop(oldest, None)
            self._subjects.pop(oldest, None)
        self._facts[key_id] = facts
        self._subjects[key_id] = {"workspace_id": str(facts.workspace_id), "key_id": str(key_id)}
        self.remember_limits(key_id, limits)
        return facts

    def _merge(self, own: WorkspaceLimits) -> IngestLimits:
        def first(value: int | None, default: int) -> int:
            return default if value is None else value

        return IngestLimits(
            monitor_token_minute=first(own.monitor_token_minute, self._limits.monitor_token_minute),
            monitor_token_hour=first(own.monitor_token_hour, self._limits.monitor_token_hour),
            workspace_minute=first(own.workspace_minute, self._limits.workspace_minute),
            source_ip_minute=self._limits.source_ip_minute,
        )

    def _note(self, call: Call, decision: Decision) -> None:
        """Keep the tightest known bucket for the answer's RateLimit headers: fewest tokens left, refusals first."""
        if decision.policy is None:
            return
        known = call.limit
        if known is None or not decision.allowed or (known.allowed and decision.remaining < known.remaining):
            call.limit = decision

    def _refusal(self, decision: Decision) -> RateLimited:
        assert decision.policy is not None
        self._metrics.bucket_refused(decision.policy.wire_name)
        # The limiter's number is the answer's Retry-After already, its jitter included.
        return RateLimited(
            policy=decision.policy.wire_name, limit=decision.limit, retry_after_seconds=decision.reset_seconds
        )


def _opens(token: Token, facts: KeyFacts) -> bool:
    """Tell, in constant time, whether the token is the key's own."""
    matches = secret_matches(token.secret, facts.secret_hash)
    return matches and prefix_agrees(token, facts)
