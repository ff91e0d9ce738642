"""What a load reports: counts, rate, latencies. Shared by the HTTP and the gRPC generator."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Latency(msgspec.Struct, frozen=True):
    """Percentiles in milliseconds; with an offered rate, from the instant at which a request was due."""

    p50: float
    p90: float
    p99: float
    worst: float


class Outcome(msgspec.Struct, frozen=True):
    """What came back. `answers` counts everything that was sent; the rate and the latencies leave out the warm-up."""

    answers: dict[str, int]
    per_second: float
    latency_ms: Latency
    seconds: float
    unanswered: int
    cpu_us_per_request: float

    @property
    def accepted(self) -> int:
        """How many were accepted in all, warm-up included."""
        return self.answers.get("202", 0) + self.answers.get("OK", 0)

    @property
    def sent(self) -> int:
        """How many were sent in all."""
        return sum(self.answers.values()) + self.unanswered

    @property
    def clean(self) -> bool:
        """True where every request was answered and accepted."""
        return 0 < self.accepted == self.sent


def percentiles(latencies: Iterable[float]) -> Latency:
    """Rank latencies given in seconds."""
    ranked = sorted(latencies) or [0.0]
    p50, p90, p99, worst = (1000 * ranked[min(int(len(ranked) * q), len(ranked) - 1)] for q in (0.5, 0.9, 0.99, 1.0))
    return Latency(p50=p50, p90=p90, p99=p99, worst=worst)
