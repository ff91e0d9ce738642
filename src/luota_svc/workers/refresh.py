"""The loop that says again, to receivers that forget, what stands. Any number of workers may run it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from luota_svc.loop import Loop
from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.model.errors import LuotaError
from luota_svc.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from luota_svc.model.refreshing import Refresh, Standing
    from luota_svc.model.routes import Target

# A turn is a minute: a look every few seconds spreads routes over it and costs one statement.
_LOOK_SECONDS: Final = 5.0
# Two thousand incidents are some thirty requests.
_REFRESH_SECONDS_MOST: Final = 45.0
_FAILURE_SECONDS_MAX: Final = 60.0
_LOG = logging.getLogger(__name__)


class SaysAgain(Protocol):
    """How a receiver is told again (providers/alertmanager)."""

    async def refresh(self, target: Target, standing: Sequence[Standing]) -> Outcome:
        """Say it; every failure is an outcome."""
        ...


class Refresher(Loop):
    """One loop of this process. What a stop leaves unsaid is said a minute later, by whoever is there."""

    def __init__(
        self,
        claim: Callable[[], Awaitable[list[Refresh]]],
        provider: SaysAgain,
        *,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        """Take what claims (usecases/refreshing) and who says it; nothing runs before `start`."""
        super().__init__("refresh")
        self._claim = claim
        self._provider = provider
        self._look_seconds = look_seconds

    async def _run(self) -> None:
        pause = self._look_seconds
        while True:
            try:
                refreshes = await self._claim()
                await asyncio.gather(*(self._refresh(refresh) for refresh in refreshes))
            except LuotaError as error:
                _LOG.warning(names.LOG_REFRESH_FAILED, extra={"reason": str(error)})
            except Exception:  # noqa: BLE001 - a fault of one turn must not end the loop
                _LOG.exception(names.LOG_REFRESH_FAILED)
            else:
                pause = self._look_seconds
                # Where many routes are due, the next are taken at once.
                await asyncio.sleep(0 if refreshes else pause)
                continue
            await asyncio.sleep(pause)
            pause = min(2 * pause, _FAILURE_SECONDS_MAX)

    async def _refresh(self, refresh: Refresh) -> None:
        try:
            async with asyncio.timeout(_REFRESH_SECONDS_MOST):
                outcome = await self._provider.refresh(refresh.target, refresh.standing)
        except TimeoutError:
            outcome = Outcome(OutcomeKind.TIMED_OUT, error=f"No answer within {_REFRESH_SECONDS_MOST:g} s")
        if outcome.kind is not OutcomeKind.DELIVERED:
            extra = {"route_id": str(refresh.route_id), "outcome": outcome.kind.value, "reason": outcome.error}
            _LOG.warning(names.LOG_REFRESH_FAILED, extra=extra)
