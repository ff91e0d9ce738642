"""The instants of a cron line in its time zone, as Debian's cron has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from luota_svc.rules.cron_text import plain_line


def instant_after(line: str, timezone: str, after: datetime, until: datetime) -> datetime | None:
    """Return the line's first instant after an instant, None where there is none up to `until`."""
    for found in CronSim(plain_line(line), after.astimezone(ZoneInfo(timezone))):
        instant = found.astimezone(UTC)
        # Within a repeated hour the library may begin with instants that have passed already.
        if instant > after:
            return instant if instant <= until else None
    return None


def instant_before(line: str, timezone: str, before: datetime, since: datetime) -> datetime | None:
    """Return the line's last instant before an instant, None where there is none from `since` on."""
    start = before.astimezone(ZoneInfo(timezone)) + timedelta(hours=3)
    for found in CronSim(plain_line(line), start, reverse=True):
        instant = found.astimezone(UTC)
        if instant < before:
            return instant if instant >= since else None
    return None
