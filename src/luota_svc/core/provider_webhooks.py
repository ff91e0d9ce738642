"""What providers tell Luota by their own webhooks. No part of the contract: each speaks as its vendor does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from luota_svc.core.convert import path_id
from luota_svc.model.call import Call
from luota_svc.model.provider_webhooks import ProviderEvent
from luota_svc.usecases import provider_webhooks
from luota_svc.usecases.installation import Installation


class ProviderWebhooks:
    """Takes the webhooks of one installation's providers."""

    def __init__(self, at: Installation, *, admit: Callable[[Call], Awaitable[None]]) -> None:
        """Take nothing yet. `admit` charges a caller's address: whoever knocks has shown nothing yet."""
        self._at = at
        self._admit = admit

    async def take_pagerduty(
        self, call: Call, route_id: str, *, signatures: str, body: bytes, event: ProviderEvent | None
    ) -> None:
        """Do what an event of PagerDuty's says.

        RateLimited where the caller's address can't pay; InvalidSignature, InvalidRequest as the use case has them.
        """
        await self._admit(call)
        await provider_webhooks.take_pagerduty_event(
            self._at, call, path_id(route_id), signatures=signatures, body=body, event=event
        )
