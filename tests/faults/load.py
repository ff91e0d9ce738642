"""A load that remembers every answer, and what the database must hold afterwards."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psycopg
from tests.doors.scene import _key, _monitor, _operator, _workspace
from tests.faults.conftest import FULL
from tests.witness import WITNESS

ANSWER_SECONDS = 5.0  # the contract's bound
_PATIENCE_SECONDS = 8.0  # a client's, so that a hang is seen as one
# Between two requests of one client. Small tests leave room on two cores for what they look at.
_PACE_SECONDS = 0.01 if FULL else 0.05


@dataclass(frozen=True)
class Fleet:
    """Monitors of one workspace and the tokens around them."""

    workspace: str
    token: str
    monitors: list[str]
    root: str


def make_fleet(database_url: str, monitors: int = 20) -> Fleet:
    """Insert a workspace of run monitors, its key, and an operator of the instance."""
    with psycopg.connect(database_url, autocommit=True) as database:
        slug = f"fleet-{database.info.backend_pid}"
        workspace = _workspace(database, slug)
        ids = [str(_monitor(database, workspace, f"job-{number}", "run")) for number in range(monitors)]
        return Fleet(str(workspace), _key(database, workspace, None), ids, _operator(database, "admin", None))


@dataclass(frozen=True)
class Answer:
    """What became of one request; `status` 0 where the connection ended without an answer."""

    at: float
    path: str
    sent: dict[str, Any]
    status: int
    seconds: float
    headers: Any
    body: dict[str, Any]
    error: str = ""


@dataclass
class Load:
    """Workers that start runs and close them, one request at a time each, until told to stop."""

    url: str
    fleet: Fleet
    answers: list[Answer] = field(default_factory=list)
    pace_seconds: float = _PACE_SECONDS
    name: str = "job"
    _numbers: Any = field(default_factory=itertools.count)
    _stopping: bool = False

    @asynccontextmanager
    async def running(self, workers: int = 16):
        """Load while the block runs; every worker's last answer is awaited."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(_PATIENCE_SECONDS)
        ) as session:
            self._stopping = False
            tasks = [asyncio.create_task(self._work(session)) for _ in range(workers)]
            try:
                yield self
            finally:
                self.stop()
                await asyncio.gather(*tasks)

    def stop(self) -> None:
        """Let no worker send another request."""
        self._stopping = True

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while not self._stopping:
            number = next(self._numbers)
            monitor = self.fleet.monitors[number % len(self.fleet.monitors)]
            start = {"monitorId": monitor, "externalRunId": f"{self.name}-{number}"}
            answer = await self.send(session, "/v1/runs/start", start)
            if answer.status == 202:
                end = "success" if number % 3 else "fail"
                await self.send(session, f"/v1/runs/{answer.body['run']['id']}/{end}", {"exitCode": int(end == "fail")})

    async def send(
        self, session: aiohttp.ClientSession, path: str, sent: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request, with the fleet's key unless `headers` say otherwise, and remember its answer."""
        began = time.monotonic()
        headers = headers or {"X-Luota-Key": self.fleet.token}
        try:
            async with session.post(self.url + path, json=sent, headers=headers) as reply:
                text = (await reply.read()).decode()
                WITNESS.answered(path, reply.status, text)
                body = json.loads(text)
                answer = Answer(began, path, sent, reply.status, time.monotonic() - began, reply.headers, body)
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            answer = Answer(began, path, sent, 0, time.monotonic() - began, {}, {}, repr(error))
        self.answers.append(answer)
        await asyncio.sleep(self.pace_seconds)
        return answer

    def __str__(self) -> str:
        p50, p99, most = (self.percentile(share) * 1000 for share in (0.5, 0.99, 1.0))
        return f"{dict(sorted(self.counts().items()))}, p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {most:.0f} ms"

    def counts(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)

    def answered(self, status: int, *, since: float = 0.0) -> int:
        """Count the answers of a status that came after `since`."""
        return sum(answer.status == status and answer.at + answer.seconds >= since for answer in self.answers)

    def percentile(self, share: float, *, since: float = 0.0) -> float:
        """Return a percentile of the seconds that answers took."""
        seconds = sorted(answer.seconds for answer in self.answers if answer.at >= since)
        return seconds[min(len(seconds) - 1, int(len(seconds) * share))]

    def require_kept_promises(self, *allowed: int) -> None:
        """Every request was answered, in time, with one of `allowed`; a 503 told when to come back."""
        wrong = [answer for answer in self.answers if answer.status not in allowed]
        assert not wrong, wrong[:3]
        late = [answer for answer in self.answers if answer.seconds > ANSWER_SECONDS]
        assert not late, late[:3]
        for answer in self.answers:
            if answer.status == 503:
                assert answer.body == {"code": "unavailable", "error": "Service unavailable"}
                assert int(answer.headers["Retry-After"]) >= 1
            if answer.status:
                assert answer.headers["X-Request-Id"].startswith("req-")


def require_nothing_lost(database_url: str, answers: list[Answer]) -> int:
    """Each 202 has its one signal and its run, no run or signal is there twice; return how many signals are kept."""
    with psycopg.connect(database_url) as database:
        signals = Counter(row[0] for row in database.execute("SELECT request_id FROM signals"))
        runs = {str(row[0]) for row in database.execute("SELECT id FROM runs")}
        keys = dict(database.execute("SELECT run_id::text, count(*) FROM run_keys GROUP BY run_id").fetchall())
    accepted = [answer for answer in answers if answer.status == 202]
    landed = [answer.body["requestId"] for answer in accepted if not answer.body["duplicate"]]
    assert [request_id for request_id in landed if signals[request_id] != 1] == []
    assert [count for count in signals.values() if count != 1] == []
    assert {answer.body["run"]["id"] for answer in accepted} <= runs
    # One run for each key, and one key for each run.
    assert keys == dict.fromkeys(runs, 1)
    return signals.total()


def require_sound_incidents(database_url: str) -> None:
    """At most one unresolved incident a monitor and kind, timelines without gaps, counters as the runs say."""
    with psycopg.connect(database_url) as database:

        def none(question: str) -> None:
            assert database.execute(question).fetchall() == [], question

        none(
            "SELECT monitor_id, kind FROM incidents WHERE resolved_at IS NULL GROUP BY 1, 2 HAVING count(*) > 1",
        )
        none(
            """
            SELECT i.id FROM incidents i LEFT JOIN incident_events e ON e.incident_id = i.id
            GROUP BY i.id
            HAVING count(e.number) <> i.event_count OR min(e.number) <> 1 OR max(e.number) <> i.event_count
            """
        )
        none(
            """
            SELECT i.id FROM incidents i LEFT JOIN incident_events e ON e.incident_id = i.id
            GROUP BY i.id HAVING count(*) FILTER (WHERE e.event IN ('opened', 'occurrence')) <> i.occurrence_count
            """
        )
