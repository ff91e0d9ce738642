"""Tells another monitor that Luota works: one empty POST to the address that it gave."""

from __future__ import annotations

from collections.abc import Callable

from luota_svc.model.deliveries import Outcome
from luota_svc.providers.http_client import ExchangeFailed, GuardedClient, outcome_of


class DeadManPing:
    """The call that workers/deadman makes every minute."""

    def __init__(self, client: GuardedClient, url: str, *, clean: Callable[[str], str]) -> None:
        """Take the client, which must be open, and the URL; `clean` takes secrets out of what the monitor says."""
        self._client = client
        self._url = url
        self._clean = clean

    async def __call__(self) -> Outcome:
        """Tell it once and say what came of that; at most 15 s. Any 2xx is delivered."""
        try:
            reply = await self._client.post(self._url, b"", {})
        except ExchangeFailed as failed:
            return failed.outcome
        return outcome_of(reply, clean=self._clean)
