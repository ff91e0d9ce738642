"""When an open run is looked at next: silence, its bound, its end. Deadlines of running runs count from receipt."""

from __future__ import annotations

from datetime import datetime, timedelta

# Without a word of its own a monitor calls a run stuck after so much silence (design: the smaller of 1 h and the next
# expected instant), or after the time that it allows a run to take, where that is longer.
STUCK_AFTER_SECONDS = 3_600


def stuck_after_seconds(stuck_after: int | None, max_duration: int | None) -> int:
    """Return how many seconds without a sign of life make a run stuck, the schedule aside."""
    return stuck_after if stuck_after is not None else max(STUCK_AFTER_SECONDS, max_duration or 0)


def first_look_at(
    *,
    sign_at: datetime,
    received_at: datetime,
    timeout_at: datetime,
    stuck_after: int | None,
    max_duration: int | None,
    monitor_deadline_at: datetime | None,
) -> datetime:
    """Return the earliest instant at which an open run may need a look, after a sign of life at `sign_at`.

    No schedule is asked here: the monitor's own next deadline is early enough, and the look then finds the true one.
    A look too early costs a statement, one too late would be a lie.
    """
    looks = [timeout_at, sign_at + timedelta(seconds=stuck_after_seconds(stuck_after, max_duration))]
    if max_duration is not None:
        looks.append(received_at + timedelta(seconds=max_duration))
    if stuck_after is None and monitor_deadline_at is not None:
        looks.append(max(monitor_deadline_at, sign_at))
    return min(looks)
