"""What a run signal does to a run: named decisions over the states drawn in docs/states.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from luota_svc.model.runs import RunState

# A sender's clock may be this far ahead before Luota stops believing it (design: clamped and noted).
CLOCK_AHEAD_MAX = timedelta(minutes=5)
OCCURRED_AT_MIN = datetime(2000, 1, 1, tzinfo=UTC)


class StartDecision(StrEnum):
    """What a start means for the run that its key names."""

    OPEN = "open"
    REPEAT = "repeat"
    LATE_EVIDENCE = "late_evidence"


class CloseDecision(StrEnum):
    """What a success or a failure means for a run."""

    CLOSE = "close"
    LATE_CLOSE = "late_close"
    REPEAT = "repeat"
    CONFLICT = "conflict"


class ProgressDecision(StrEnum):
    """What a progress means for a run."""

    SIGN_OF_LIFE = "sign_of_life"
    AFTER_CLOSE = "after_close"


def decide_start(state: RunState | None, *, start_seen: bool) -> StartDecision:
    """Open an unknown run; a known one is repeated, but its first start after its close is kept once as evidence."""
    if state is None:
        return StartDecision.OPEN
    return StartDecision.REPEAT if start_seen else StartDecision.LATE_EVIDENCE


def decide_close(state: RunState, wanted: RunState) -> CloseDecision:
    """Close a running run; an expired one moves once to its true end; the other completion conflicts."""
    if state is RunState.RUNNING:
        return CloseDecision.CLOSE
    if state is RunState.EXPIRED:
        return CloseDecision.LATE_CLOSE
    return CloseDecision.REPEAT if state is wanted else CloseDecision.CONFLICT


def decide_progress(state: RunState) -> ProgressDecision:
    """Take it as a sign of life while the run runs; after the close it is evidence only."""
    return ProgressDecision.SIGN_OF_LIFE if state is RunState.RUNNING else ProgressDecision.AFTER_CLOSE


def clamp_occurred_at(occurred_at: datetime | None, received_at: datetime) -> tuple[datetime | None, bool]:
    """Return the instant to believe and whether it was clamped: more than 5 min ahead becomes the receipt."""
    if occurred_at is not None and occurred_at - received_at > CLOCK_AHEAD_MAX:
        return received_at, True
    return occurred_at, False


def duration_ms(
    *,
    started_at: datetime,
    start_occurred: bool,
    start_received_at: datetime,
    close_occurred_at: datetime | None,
    close_received_at: datetime,
) -> int:
    """Milliseconds from start to end: by the sender's clock when both ends gave one, else by receipt; at least 0."""
    if start_occurred and close_occurred_at is not None:
        span = close_occurred_at - started_at
    else:
        span = close_received_at - start_received_at
    return max(0, span // timedelta(milliseconds=1))


RUN_TIMEOUT_SECONDS = 24 * 3600


def run_timeout_seconds(
    requested: int | None, timeout: int | None, max_duration: int | None, stuck_after: int | None
) -> int:
    """Seconds after which an open run ends as expired: the start's own wish, else the monitor's, else 24 h.

    Never less than twice the maximum duration and stuck-after, or a run would expire before it could be called slow.
    """
    return max(requested or timeout or RUN_TIMEOUT_SECONDS, 2 * (max_duration or 0), stuck_after or 0)
