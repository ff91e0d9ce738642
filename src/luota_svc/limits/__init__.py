"""Redis and only Redis: token buckets, and what happens when Redis is away. Not what to do about a refusal."""

from luota_svc.limits.local import LocalBuckets
from luota_svc.limits.redis_limiter import RedisLimiter

__all__ = ["LocalBuckets", "RedisLimiter"]
