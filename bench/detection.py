"""How late broken promises are found: monitors fall due at an even rate, a reader notes when each incident shows."""

from __future__ import annotations

import math
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

# 10,000 monitors due in one minute; a shorter measure has fewer of them at the same rate.
DUE_PER_SECOND = 10_000 / 60
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 30.0
_ALIVE = "SELECT count(*) FROM ingest_liveness WHERE last_seen_at > now() - interval '10 s'"

_FILL = """
INSERT INTO monitors (id, workspace_id, slug, name, kind, interval_seconds, grace_seconds, failure_threshold,
                      recovery_threshold, remind_every_seconds, severity, owner, runbook_url, environment, promise,
                      tags, created_at, updated_at, judged_from, settled_until, next_deadline_at)
SELECT gen_random_uuid(), %(workspace)s, 'due-' || n, 'M', 'heartbeat', 86400, 60, 1, 1, 0, 'error', '', '', '', '',
       '{}', now(), now(), due_at - interval '1 day 60 s', due_at - interval '1 day 60 s', due_at
FROM generate_series(1, %(count)s) AS n,
     LATERAL (SELECT %(begin)s + n * make_interval(secs => %(gap)s)) AS due (due_at)
"""


@dataclass(frozen=True)
class Detection:
    """Seconds from each deadline to the instant at which its incident could be read; how many never showed."""

    lags: list[float]
    missing: int

    def percentile(self, share: float) -> float:
        """Return a percentile of the lags, by the nearest rank."""
        return sorted(self.lags)[max(0, math.ceil(share * len(self.lags)) - 1)] if self.lags else math.inf


def detect(database_url: str, seconds: float) -> Detection:
    """Let monitors fall due for so long and note when each is told; the deadlines and the reader have one clock."""
    with psycopg.connect(database_url, autocommit=True) as database:
        count = max(1, round(DUE_PER_SECOND * seconds))
        workspace = uuid.uuid4()
        database.execute(
            "INSERT INTO workspaces (id, slug, name, created_at, updated_at) VALUES (%s, %s, 'W', now(), now())",
            (workspace, f"due-{workspace.hex[:12]}"),
        )
        # A service that has just started says only after a while that it takes signals; before, it judges nothing.
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while not _one(database, _ALIVE) and time.monotonic() < give_up_at:
            time.sleep(_LOOK_SECONDS)
        begin = datetime.now(UTC) + timedelta(seconds=1)
        database.execute(_FILL, {"workspace": workspace, "count": count, "begin": begin, "gap": 1 / DUE_PER_SECOND})
        return _watch(database, workspace, count, seconds)


def _watch(database: psycopg.Connection, workspace: uuid.UUID, count: int, seconds: float) -> Detection:
    lags: dict[uuid.UUID, float] = {}
    give_up_at = time.monotonic() + seconds + _PATIENCE_SECONDS
    while len(lags) < count and time.monotonic() < give_up_at:
        found = database.execute(
            "SELECT id, deadline_at FROM incidents WHERE workspace_id = %s AND opened_at > now() - interval '5 s'",
            (workspace,),
        ).fetchall()
        seen_at = datetime.now(UTC)
        for incident_id, deadline_at in found:
            lags.setdefault(incident_id, (seen_at - deadline_at).total_seconds())
        time.sleep(_LOOK_SECONDS)
    return Detection(list(lags.values()), count - len(lags))


def _one(database: psycopg.Connection, question: str) -> int:
    row = database.execute(question.encode()).fetchone()
    return int(row[0]) if row else 0
