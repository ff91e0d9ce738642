"""The buckets' names, what one spend asks of them and what it is told. No Redis, no time."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple

from luota_svc.model.limits import Decision, KeySpend, Policy

_TEXT_MAX = 64  # characters of a caller's own text in a key


class Bucket(NamedTuple):
    """`limit` tokens per interval under one key. `policy` is None for a bucket outside the published four."""

    key: str
    limit: int
    interval_ms: int
    policy_name: str
    policy: Policy | None


class Charge(NamedTuple):
    """`cost` tokens of each bucket, all or nothing. The buckets' keys all carry the hash tag `tag`."""

    tag: str
    cost: int
    buckets: tuple[Bucket, ...]


class Verdict(NamedTuple):
    """What became of a charge: the tightest bucket, the tokens left in it, milliseconds until it is full again."""

    allowed: bool
    bucket: Bucket
    remaining: int
    reset_ms: int


def charge_for_address(address: str, limit: int, cost: int) -> Charge:
    """Ask for `cost` tokens of a source address's minute."""
    tag = f"ip:{_bounded(address)}"
    return Charge(tag, cost, (_bucket(f"luota:{{{tag}}}:minute", limit, Policy.SOURCE_IP_MINUTE),) if limit else ())


def charge_for_key(spend: KeySpend) -> Charge:
    """Ask for one token of each limited bucket of a key and its workspace."""
    limits = spend.limits
    monitor = spend.monitor if len(spend.monitor) <= _TEXT_MAX else _bounded(spend.monitor)
    return _charge_for_key(
        spend.workspace_id.int,
        spend.key_id.int,
        monitor,
        limits.monitor_token_minute,
        limits.monitor_token_hour,
        limits.workspace_minute,
    )


# The same few thousand monitors report again and again, and five texts a request are a tenth of the limiter's cost.
@lru_cache(maxsize=4_096)
def _charge_for_key(workspace: int, key: int, monitor: str, minute: int, hour: int, workspace_minute: int) -> Charge:
    tag = f"{workspace:032x}"
    token = f"luota:{{{tag}}}:{key:032x}:{_bounded(monitor)}"
    buckets = (
        _bucket(f"{token}:minute", minute, Policy.MONITOR_TOKEN_MINUTE),
        _bucket(f"{token}:hour", hour, Policy.MONITOR_TOKEN_HOUR),
        _bucket(f"luota:{{{tag}}}:minute", workspace_minute, Policy.WORKSPACE_MINUTE),
    )
    return Charge(tag, 1, tuple(bucket for bucket in buckets if bucket.limit))


def charge_for_subject(subject: str, policy_name: str, limit: int, interval_seconds: int) -> Charge:
    """Ask for one token of a bucket outside the published four (sign-in, key creation, test-send)."""
    tag = f"{policy_name}:{_bounded(subject)}"
    bucket = Bucket(f"luota:{{{tag}}}:{interval_seconds}", limit, interval_seconds * 1000, policy_name, None)
    return Charge(tag, 1, (bucket,) if limit else ())


def decision_of(verdict: Verdict, jitter: float) -> Decision:
    """Round a verdict up to whole seconds.

    A refusal's `reset_seconds` is the number for Retry-After: at least 1 and never below the true wait, `jitter`
    (in [0, 1)) of a fifth above it, so that all who were refused do not come back in the same instant.
    """
    seconds = -(-verdict.reset_ms // 1000)
    if not verdict.allowed:
        seconds = max(1, seconds)
        seconds += int(seconds * 0.2 * jitter)
    bucket = verdict.bucket
    return Decision(verdict.allowed, bucket.policy, bucket.limit, verdict.remaining, seconds)


def _bucket(key: str, limit: int, policy: Policy) -> Bucket:
    return Bucket(key, limit, policy.interval_seconds * 1000, policy.wire_name, policy)


def _bounded(text: str) -> str:
    """Fold the case (one monitor's id has many spellings) and hash what is long or not plain, or it could grow keys."""
    if len(text) <= _TEXT_MAX and text.isascii() and text.isprintable() and "}" not in text:
        return text.lower()
    return "sha256-" + hashlib.sha256(text.lower().encode("utf-8", "surrogatepass")).hexdigest()
