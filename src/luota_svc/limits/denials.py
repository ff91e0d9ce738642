"""What was refused a moment ago, so that a flood costs a dictionary look-up and never reaches Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luota_svc.limits.buckets import Charge, Verdict

if TYPE_CHECKING:
    from luota_svc.clock import Clock

_REMEMBERED_SECONDS = 1.0  # so that a bucket emptied by hand or a changed rule counts within a second


class DenialMemory:
    """Refusals of the last second, by bucket key and limit.

    Never refuses what Redis would allow: tokens only dwindle until the bucket is full again, so a charge that
    asks for more than was left is refused until then; one that asks for less, or under another limit, is sent on.
    """

    def __init__(self, clock: Clock, entries_max: int = 10_000) -> None:
        self._clock = clock
        self._entries_max = entries_max
        # (key, limit) -> forget at, full again at (monotonic seconds), tokens left
        self._entries: dict[tuple[str, int], tuple[float, float, int]] = {}

    def remember(self, verdict: Verdict) -> None:
        """Keep a refusal for a second, or until its bucket is full again if that is sooner."""
        now = self._clock.monotonic()
        wait = verdict.reset_ms / 1000
        entry = (now + min(_REMEMBERED_SECONDS, wait), now + wait, verdict.remaining)
        name = (verdict.bucket.key, verdict.bucket.limit)
        self._entries.pop(name, None)  # the newest stands last, so the first is the one to forget
        self._entries[name] = entry
        if len(self._entries) > self._entries_max:
            del self._entries[next(iter(self._entries))]

    def recall(self, charge: Charge) -> Verdict | None:
        """Return the refusal that still holds for `charge`, None if Redis must be asked."""
        if not self._entries:
            return None
        for bucket in charge.buckets:
            name = (bucket.key, bucket.limit)
            entry = self._entries.get(name)
            if entry is None:
                continue
            forget_at, full_at, remaining = entry
            now = self._clock.monotonic()
            if now >= forget_at:
                del self._entries[name]
            elif charge.cost > remaining:
                return Verdict(allowed=False, bucket=bucket, remaining=remaining, reset_ms=int((full_at - now) * 1000))
        return None
