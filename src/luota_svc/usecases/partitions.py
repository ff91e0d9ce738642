"""Keeps daily partitions ahead of time and drops old request records: run at start and every hour after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from luota_svc.store import partitions
from luota_svc.store.database import Database
from luota_svc.store.partitions import PARTITIONED, PartitionDay

DAYS_AHEAD: Final = 14
REQUESTS_KEPT_DAYS_DEFAULT: Final = 7


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """What was done. `refused` steps met a held lock and are tried again next time; `strayed` rows are an alarm."""

    made: int
    dropped: int
    refused: int
    strayed: Mapping[str, int]


async def ensure_partitions(
    database: Database, *, requests_kept_days: int = REQUESTS_KEPT_DAYS_DEFAULT
) -> PartitionReport:
    """Make what is missing of today and the next 14 days, and drop request records that are kept no longer."""
    today = await partitions.today(database)
    wanted = {today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)}
    missing = [
        PartitionDay(parent, day)
        for parent in PARTITIONED
        for day in sorted(wanted - set((await partitions.standing(database, parent)).values()))
    ]
    made = [await partitions.make(database, partition) for partition in missing]
    oldest_kept = today - timedelta(days=requests_kept_days)
    dropped = [
        await partitions.drop(database, PartitionDay("requests", day))
        for day in (await partitions.standing(database, "requests")).values()
        if day < oldest_kept
    ]
    strayed = await partitions.count_strayed(database)
    return PartitionReport(sum(made), sum(dropped), (made + dropped).count(False), strayed)
