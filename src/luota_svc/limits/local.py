"""The same buckets in this process's memory, for while Redis is away."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from luota_svc.limits.buckets import Bucket, Charge, Verdict, charge_for_address, charge_for_key, decision_of
from luota_svc.model.limits import ALLOWED_UNKNOWN, Decision, KeySpend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luota_svc.clock import Clock


class LocalBuckets:
    """Buckets that count this process's spends only; a Limiter by themselves where no Redis is wanted.

    At most `keys_max` buckets are remembered, the longest untouched is forgotten first (and so is full again).
    """

    def __init__(self, clock: Clock, keys_max: int = 50_000) -> None:
        self._clock = clock
        self._keys_max = keys_max
        self._buckets: OrderedDict[str, tuple[int, int]] = OrderedDict()  # key -> used, started in monotonic ms

    @property
    def degraded(self) -> bool:
        """True: these are always this process's own."""
        return True

    async def spend_address(self, address: str, limit: int, cost: int = 1) -> Decision:
        """Charge a source address, all or nothing."""
        return self._decide(charge_for_address(address, limit, cost))

    async def spend_keys(self, spends: Sequence[KeySpend]) -> list[Decision]:
        """Charge each spend in order, each all or nothing."""
        return [self._decide(charge_for_key(spend)) for spend in spends]

    async def spend_call(
        self, address: str, address_limit: int, spends: Sequence[KeySpend]
    ) -> tuple[Decision, list[Decision]]:
        """Charge the address and, where it allows, each spend."""
        of_address = self._decide(charge_for_address(address, address_limit, len(spends)))
        return of_address, await self.spend_keys(spends) if of_address.allowed else []

    def spend(self, charge: Charge) -> Verdict:
        """Charge every bucket of `charge` (at least one), or none: as spend.lua does, to the letter."""
        now = int(self._clock.monotonic() * 1000)
        states = [(bucket, *self._read(bucket, now)) for bucket in charge.buckets]
        verdicts = [
            Verdict(used + charge.cost <= bucket.limit, bucket, bucket.limit - used, started + bucket.interval_ms - now)
            for bucket, used, started in states
        ]
        refusals = [verdict for verdict in verdicts if not verdict.allowed]
        if refusals:
            slowest = max(refusals, key=lambda verdict: verdict.reset_ms)
            return slowest._replace(remaining=max(0, slowest.remaining))
        for bucket, used, started in states:
            self._write(bucket.key, used + charge.cost, started)
        tightest = min(verdicts, key=lambda verdict: (verdict.remaining, -verdict.reset_ms))
        return tightest._replace(remaining=tightest.remaining - charge.cost)

    def _decide(self, charge: Charge) -> Decision:
        return decision_of(self.spend(charge), self._clock.jitter()) if charge.buckets else ALLOWED_UNKNOWN

    def _read(self, bucket: Bucket, now: int) -> tuple[int, int]:
        used, started = self._buckets.get(bucket.key, (0, now))
        return (used, started) if now - started < bucket.interval_ms else (0, now)

    def _write(self, key: str, used: int, started: int) -> None:
        self._buckets[key] = (used, started)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._keys_max:
            self._buckets.popitem(last=False)
