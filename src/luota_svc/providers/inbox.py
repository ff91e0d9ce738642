"""The development inbox: an alert is kept and shown on a page, so that the first one needs no outside account."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from luota_svc.model.deliveries import Dispatch, Outcome, OutcomeKind
from luota_svc.model.errors import LuotaError

_SECONDS_MAX: Final = 15.0


class InboxProvider:
    """Delivers by keeping. The message's id is the provider's own, the same for every attempt of a delivery."""

    def __init__(self, keep: Callable[[Dispatch], Awaitable[UUID | None]]) -> None:
        """`keep` returns the message's id, None where there is no such delivery; may raise LuotaError."""
        self._keep = keep

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Keep the alert."""
        try:
            async with asyncio.timeout(_SECONDS_MAX):
                message_id = await self._keep(dispatch)
        except TimeoutError:
            return Outcome(OutcomeKind.TIMED_OUT, "The inbox's database did not answer in time")
        except LuotaError:
            return Outcome(OutcomeKind.UNREACHABLE, "The inbox's database can't be reached")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is an outcome and leaves no delivery in flight
            return Outcome(OutcomeKind.FAILED, f"The inbox could not keep it: {type(error).__name__}")
        if message_id is None:
            return Outcome(OutcomeKind.REFUSED, "There is no such delivery any more")
        return Outcome(OutcomeKind.DELIVERED, provider_id=str(message_id))
