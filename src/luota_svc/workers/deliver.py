"""Duties become attempts here: claim, send, settle. Any number of workers may run; none holds what another needs."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from luota_svc.model.deliveries import Claimed, Dispatch, Outcome, OutcomeKind, Settlement
from luota_svc.model.errors import LuotaError
from luota_svc.patience import Patience
from luota_svc.telemetry import names
from luota_svc.usecases.deliveries import CLAIM_MOST, SETTLE_MOST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from luota_svc.clock import Clock
    from luota_svc.model.routes import RouteKind
    from luota_svc.providers import Provider
    from luota_svc.telemetry.traces import Span, Tracing
    from luota_svc.usecases.deliveries import Claim, Outbox

# So many attempts at once in one process; each is a socket and a few kilobytes.
IN_FLIGHT_MOST: Final = 256
_SETTLE_SECONDS: Final = 0.02
# A wake-up that is missed costs so much, and nothing else; spread, so that workers do not all look at once.
_POLL_SECONDS: Final = 1.0
_POLL_SPREAD: Final = 0.2
_LOOK_SECONDS_LEAST: Final = 0.005
_TAKE_OVER_SECONDS: Final = 5.0
_FAILURE_SECONDS: Final = 0.25
_FAILURE_SECONDS_MAX: Final = 5.0
# A result is told again sooner: its lease runs on meanwhile.
_UNSETTLED_SECONDS_MAX: Final = 1.0
# A provider bounds itself at 15 s; one that does not is ended well before its lease is.
_ATTEMPT_SECONDS_MOST: Final = 20.0
_OVERDUE_LOOK_SECONDS: Final = 1.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who hears of what a worker does."""

    # The route's kind, the outcome, the seconds that the attempt took and, of a first one, those since it was due.
    attempted: Callable[[str, str, float, float | None], None]
    # Writes the attempt's line (telemetry.attempts.AttemptLog.attempt).
    line: Callable[..., None]


class Deliverer:
    """One worker of this process. Start once; stop once, or as often as one likes."""

    def __init__(
        self,
        outbox: Outbox,
        providers: Mapping[RouteKind, Provider],
        *,
        clock: Clock,
        tracing: Tracing,
        worker: str,
        hooks: Hooks,
    ) -> None:
        """Take the outbox, who sends what, and the name that attempts are kept under; nothing runs before `start`."""
        self._outbox = outbox
        self._providers = providers
        self._clock = clock
        self._tracing = tracing
        self._worker = worker
        self._hooks = hooks
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._attempts: set[asyncio.Task[None]] = set()
        self._patience = Patience(_ATTEMPT_SECONDS_MOST, look_seconds=_OVERDUE_LOOK_SECONDS)
        self._settled: asyncio.Queue[Settlement] = asyncio.Queue()
        self._turned_at = float("-inf")

    def start(self) -> None:
        """Begin to claim."""
        self._patience.start()
        self._loops = [
            asyncio.create_task(self._guard(self._claim_forever), name="deliver-claim"),
            asyncio.create_task(self._guard(self._take_over_forever), name="deliver-take-over"),
            asyncio.create_task(self._settle_forever(), name="deliver-settle"),
        ]

    def wake(self) -> None:
        """Say that something may be due. Cheap; safe at any time in the loop's thread."""
        self._wake.set()

    @property
    def in_flight(self) -> int:
        """How many attempts are being made or settled."""
        return len(self._attempts) + self._settled.qsize()

    def turned_within(self, seconds: float) -> bool:
        """Tell whether the outbox could be looked at within so many seconds: whether this worker works."""
        return self._clock.monotonic() - self._turned_at <= seconds

    async def stop(self, grace_seconds: float = 16.0) -> None:
        """Claim nothing more, let attempts in flight end within the grace, settle them. Safe to repeat.

        What is still in flight then is cancelled; its lease runs out, and another worker takes it over.
        """
        self._stopping.set()
        self._wake.set()
        claim, take_over, settle = self._loops or (None, None, None)
        for loop in (claim, take_over):
            if loop is not None:
                await asyncio.wait({loop}, timeout=grace_seconds)
                loop.cancel()
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=grace_seconds)
        for attempt in list(self._attempts):
            attempt.cancel()
        if settle is not None:
            await asyncio.wait({settle}, timeout=grace_seconds)
            settle.cancel()
        await self._patience.stop()
        self._loops = []

    async def _guard(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Run a loop until the stop, past every failure of a turn."""
        pause = _FAILURE_SECONDS
        while not self._stopping.is_set():
            try:
                await loop()
                pause = _FAILURE_SECONDS
                continue
            except LuotaError as error:
                _LOG.warning(names.LOG_DELIVERY_FAILED, extra={"reason": str(error)})
            except Exception:  # noqa: BLE001 - a fault of one turn must not end the worker
                _LOG.exception(names.LOG_DELIVERY_FAILED)
            await _wait(self._stopping, pause)
            pause = min(2 * pause, _FAILURE_SECONDS_MAX)

    async def _take_over_forever(self) -> None:
        while await self._outbox.take_over() >= SETTLE_MOST:
            pass
        self.wake()
        await _wait(self._stopping, _TAKE_OVER_SECONDS)

    async def _claim_forever(self) -> None:
        """Take one turn: claim what there is room for, and wait for the next reason to look."""
        free = IN_FLIGHT_MOST - len(self._attempts)
        if free <= 0:
            self._turned_at = self._clock.monotonic()
            await _wait(self._wake, _POLL_SECONDS)
            self._wake.clear()
            return
        # Before the look: what comes due while it goes on rings anew.
        self._wake.clear()
        claim = await self._outbox.claim(min(free, CLAIM_MOST))
        self._turned_at = self._clock.monotonic()
        if self._stopping.is_set():
            if claim.claimed:
                await self._outbox.release(claim.claimed)
            return
        for claimed in claim.claimed:
            attempt = asyncio.create_task(self._attempt(claimed), name="deliver-attempt")
            self._attempts.add(attempt)
            attempt.add_done_callback(self._attempts.discard)
        if not claim.claimed:
            await _wait(self._wake, self._pause(claim))

    def _pause(self, claim: Claim) -> float:
        pause = _POLL_SECONDS * (1 + _POLL_SPREAD * (2 * self._clock.jitter() - 1))
        if claim.look_again_at is not None:
            until = (claim.look_again_at - self._clock.now()).total_seconds()
            pause = min(pause, max(until, _LOOK_SECONDS_LEAST))
        return pause

    async def _attempt(self, claimed: Claimed) -> None:
        """Make one attempt; whatever it does, an outcome is settled."""
        with self._span(claimed) as span:
            started_at, began = self._clock.now(), self._clock.monotonic()
            outcome = await self._outcome(claimed, span)
            took = self._clock.monotonic() - began
            settlement = Settlement(
                claimed=claimed,
                outcome=outcome,
                started_at=started_at,
                ended_at=self._clock.now(),
                worker=self._worker,
                traceparent=span.traceparent,
            )
            if span.sampled:
                span.set(names.ATTR_OUTCOME, outcome.kind.value)
            if outcome.kind is not OutcomeKind.DELIVERED:
                span.fail(outcome.kind.value)
        # First of all: whatever goes wrong behind it, a result that is lost is a duplicate.
        self._settled.put_nowait(settlement)
        waited = max(0.0, (started_at - claimed.due_at).total_seconds()) if claimed.number == 1 else None
        self._hooks.attempted(claimed.kind.value, outcome.kind.value, took, waited)
        self._hooks.line(
            delivered=outcome.kind is OutcomeKind.DELIVERED,
            request_id=claimed.request_id,
            trace_id=span.trace_id,
            delivery_id=claimed.id,
            route_id=claimed.route_id,
            kind=claimed.kind.value,
            number=claimed.number,
            outcome=outcome.kind.value,
            http_status=outcome.http_status,
            provider_id=outcome.provider_id,
            error=outcome.error,
            seconds=took,
        )

    async def _outcome(self, claimed: Claimed, span: Span) -> Outcome:
        if claimed.refusal is not None:
            return claimed.refusal
        provider = self._providers.get(claimed.kind)
        if provider is None:
            return Outcome(OutcomeKind.REJECTED, error=f"This installation can't tell by {claimed.kind.value}")
        dispatch = Dispatch(
            delivery_id=claimed.id,
            number=claimed.number,
            reason=claimed.reason,
            content=claimed.content,
            request_id=claimed.request_id,
            traceparent=span.traceparent,
            target=claimed.target,
            recipients=claimed.recipients,
        )
        try:
            return await self._patience.within(provider.send(dispatch))
        except TimeoutError:
            return Outcome(OutcomeKind.TIMED_OUT, error=f"No answer within {_ATTEMPT_SECONDS_MOST:g} s")
        except Exception as error:  # noqa: BLE001 - a fault of a provider of ours is a failed attempt, not a lost duty
            _LOG.exception(names.LOG_PROVIDER_FAULT, extra={"delivery_id": str(claimed.id), "kind": claimed.kind.value})
            return Outcome(OutcomeKind.FAILED, error=f"A fault of Luota's own: {type(error).__name__}")

    def _span(self, claimed: Claimed) -> Span:
        """Start the first attempt's span within its cause's trace; a later one is its own trace, which links back."""
        if claimed.first_attempt_traceparent is None:
            span = self._tracing.child_span(names.SPAN_DELIVER, claimed.traceparent, linked=True)
        else:
            span = self._tracing.batch_span(
                names.SPAN_DELIVER, (claimed.traceparent, claimed.first_attempt_traceparent)
            )
        if span.sampled:
            span.set(names.ATTR_DELIVERY_ID, str(claimed.id))
            span.set(names.ATTR_ROUTE_KIND, claimed.kind.value)
            span.set(names.ATTR_ATTEMPT_NUMBER, claimed.number)
            if claimed.request_id is not None:
                span.set(names.ATTR_REQUEST_ID, claimed.request_id)
        return span

    async def _settle_forever(self) -> None:
        """Settle what ended, up to 128 attempts together, until the stop has nothing left to wait for."""
        while True:
            batch = await self._ended()
            if not batch:
                return
            await self._settle(batch)
            # There is room again, and what was made due by a success is due now.
            self.wake()

    async def _ended(self) -> list[Settlement]:
        """Wait for attempts that ended: all that did within 20 ms. Empty: the stop has come and nothing is left."""
        while self._settled.empty():
            if self._stopping.is_set() and not self._attempts:
                return []
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    batch = [await self._settled.get()]
                    break
            except TimeoutError:
                continue
        else:
            batch = [self._settled.get_nowait()]
        if len(self._attempts) > 0 and self._settled.empty():
            await asyncio.sleep(_SETTLE_SECONDS)
        while len(batch) < SETTLE_MOST and not self._settled.empty():
            batch.append(self._settled.get_nowait())
        return batch

    async def _settle(self, batch: list[Settlement]) -> None:
        """Write until it is written: a result that is lost is a duplicate.

        One that can't be written is written once more without any words of its provider's, and given up then.
        """
        pause, bare = _FAILURE_SECONDS, False
        while True:
            try:
                await self._outbox.settle(batch)
            except LuotaError as error:
                _LOG.warning(names.LOG_DELIVERY_FAILED, extra={"reason": str(error)})
            except Exception:  # noqa: BLE001 - one of them can't be written: it must not keep the others
                _LOG.exception(names.LOG_DELIVERY_FAILED)
                if len(batch) > 1:
                    for one in batch:
                        await self._settle([one])
                    return
                if bare:
                    # Its lease runs out, and it is attempted again.
                    return
                outcome = batch[0].outcome
                batch = [replace(batch[0], outcome=Outcome(outcome.kind, http_status=outcome.http_status))]
                bare = True
                continue
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _UNSETTLED_SECONDS_MAX)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
