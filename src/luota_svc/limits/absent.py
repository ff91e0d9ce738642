"""For processes that charge nobody: they know no Redis, and what would have to be charged is refused."""

from __future__ import annotations

from luota_svc.model.errors import Unavailable


class AbsentLimiter:
    """No buckets at all."""

    async def spend_strict(self, subject: str, policy_name: str, limit: int, interval_seconds: int) -> None:
        """Refuse: nothing can be counted here. Raises Unavailable."""
        del subject, limit, interval_seconds
        raise Unavailable(f"this process keeps no buckets: {policy_name}")
