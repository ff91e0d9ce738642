"""Real `luota-svc work` processes, duties for them by SQL, and what must have become of each."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from tests.builders import World
from tests.faults.receiver import Receiver, receiving
from tests.faults.service import Service, note
from tests.postroom import PostRoom
from tests.servers import ENCRYPTION_KEY
from tests.waiting import until

from luota_svc.clock import RealClock
from luota_svc.limits.local import LocalBuckets
from luota_svc.store.database import Database
from luota_svc.store.vault import Vault
from luota_svc.usecases.deliveries import LEASE_SECONDS
from luota_svc.usecases.installation import Installation

# Of design and issue: lease + 5 s after a worker died its duties are attempted again.
RESUMED_SECONDS = LEASE_SECONDS + 5.0
# Receivers are on this machine.
LOOPBACK = {"LUOTA_DELIVERY_ALLOW_HTTP": "yes", "LUOTA_DELIVERY_ALLOWED_SUBNETS": "127.0.0.0/8"}
_TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'luota%'"
)


class Worker(Service):
    """One `work` process."""

    command = "work"

    def __init__(self, database_url: str, **settings: str) -> None:
        super().__init__(database_url, "redis://127.0.0.1:6379/0", **{**LOOPBACK, **settings})

    @property
    def name(self) -> str:
        """The name that it keeps attempts under."""
        return f"{socket.gethostname()}-{self.process.pid}"

    def troubles(self) -> list[dict[str, object]]:
        return [line for line in self.lines() if line.get("level") in {"error", "critical"}]


@asynccontextmanager
async def working(database_url: str, count: int = 1, **settings: str) -> AsyncIterator[list[Worker]]:
    """Run workers until the block ends; whatever happened in it, none is left running."""
    workers = [Worker(database_url, **settings) for _ in range(count)]
    try:
        for worker in workers:
            await worker.start()
        yield workers
    finally:
        for worker in workers:
            worker.close()


class Post(PostRoom):
    """Routes and duties in a database that real workers share."""

    def reconnect(self) -> None:
        """Look at the database anew: its server was started again."""
        self.world._connection = psycopg.connect(self.world.url, autocommit=True, row_factory=dict_row)

    def duties(self, receiver: Receiver, count: int, *, prefix: str = "") -> list[UUID]:
        """Make so many routes with a URL of their own, each with one duty that is due: nothing waits for the pace."""
        return [self.news(self.route(receiver.url(f"{prefix}{number}")))[0] for number in range(count)]

    def ring(self) -> None:
        """Wake the workers, as whoever writes duties does."""
        self.world.rows("NOTIFY luota_deliveries")

    def in_flight(self) -> int:
        return self.world.count("deliveries", "state = 'sending'")

    def held_by(self, worker: str) -> list[UUID]:
        rows = self.world.rows("SELECT id FROM deliveries WHERE state = 'sending' AND worker = %s", worker)
        return [row["id"] for row in rows]

    def end_leases(self, worker: str) -> None:
        """Let the leases of a worker that is gone run out, as 45 s do."""
        self.world.rows(
            "UPDATE deliveries SET lease_until = now() - interval '1 s' WHERE state = 'sending' AND worker = %s", worker
        )

    def ended(self, duties: Sequence[UUID]) -> int:
        return self.world.count(
            "deliveries", "id = ANY(%s) AND state IN ('delivered', 'failed_terminal', 'cancelled')", list(duties)
        )

    def every(self) -> list[UUID]:
        return [row["id"] for row in self.world.rows("SELECT id FROM deliveries")]

    async def until_noted(self) -> None:
        """Wait until timelines say how all deliveries stand, without gaps and with `delivered` said once."""
        await until(lambda: self.world.count("deliveries", "unnoted") == 0, 15)
        wrong = self.world.rows(
            """
            SELECT i.id, i.event_count, array_agg(e.detail) AS told
            FROM incidents i
            JOIN delivery_incidents di ON di.incident_id = i.id
            JOIN deliveries d ON d.id = di.delivery_id AND d.state = 'delivered'
            LEFT JOIN incident_events e ON e.incident_id = i.id AND e.event = 'delivery_changed'
            GROUP BY i.id, d.id
            HAVING count(e.number) <> i.event_count - 1 OR max(e.number) <> i.event_count
                OR count(*) FILTER (WHERE e.detail LIKE '%: delivered%') <> 1
            """
        )
        assert wrong == []

    async def until_quiet(self) -> None:
        """Wait until nothing is in flight."""
        await until(lambda: self.in_flight() == 0, 15)

    async def until_ended(self, duties: Sequence[UUID], seconds: float) -> float:
        """Wait until each has its end; return the seconds that took."""
        began = time.monotonic()
        try:
            await until(lambda: self.ended(duties) == len(duties), seconds)
        except TimeoutError:
            raise AssertionError(f"not all ended within {seconds:g} s: {self.states()}") from None
        return time.monotonic() - began

    def terminate_sessions(self) -> None:
        """End every session that Luota's processes have."""
        self.world.rows(_TERMINATE)

    def lost_attempts(self) -> dict[UUID, int]:
        rows = self.world.rows(
            "SELECT delivery_id, count(*) AS lost FROM delivery_attempts WHERE outcome = 'lost' GROUP BY delivery_id"
        )
        return {row["delivery_id"]: row["lost"] for row in rows}

    def next_attempt_after(self, duties: Sequence[UUID], since: datetime) -> datetime | None:
        """Return the latest of the instants at which these were next attempted after `since`."""
        return self.world.one(
            "SELECT max(first) FROM (SELECT min(started_at) AS first FROM delivery_attempts"
            " WHERE delivery_id = ANY(%s) AND outcome <> 'lost' AND started_at > %s GROUP BY delivery_id) f",
            list(duties),
            since,
        )


def require_told(post: Post, receiver: Receiver, duties: Sequence[UUID], *, duplicates_most: int = 0) -> None:
    """Each duty is delivered and was taken; what came again came alike, no oftener than attempts at it were lost."""
    rows = {row["id"]: row for row in post.world.rows("SELECT id, state, content, worker, lease_until FROM deliveries")}
    assert {rows[duty]["state"] for duty in duties} == {"delivered"}, post.states()
    assert post.in_flight() == 0
    heard = receiver.by_id()
    assert heard.keys() >= set(duties), f"{len(set(duties) - heard.keys())} lost"
    assert heard.keys() <= rows.keys()
    for duty, receipts in heard.items():
        assert {receipt.body for receipt in receipts} == {bytes(rows[duty]["content"])}, duty
    times, lost = receiver.times(), post.lost_attempts()
    duplicates = {duty: count - 1 for duty, count in times.items() if count > 1}
    twice, gone = sum(duplicates.values()), sum(lost.values())
    note(f"{len(duties)} duties, {len(heard)} heard, {twice} duplicates, {gone} lost attempts")
    assert [duty for duty, more in duplicates.items() if more > lost.get(duty, 0)] == []
    assert twice <= duplicates_most
    # One attempt is kept for each number, and each ended exactly once.
    doubled = "SELECT 1 FROM delivery_attempts GROUP BY delivery_id, number, late HAVING count(*) > 1"
    assert post.world.rows(doubled) == []


@asynccontextmanager
async def posting(database_url: str) -> AsyncIterator[Post]:
    """Open a workspace whose routes the workers of this test can open."""
    clock = RealClock()
    world = World(database_url, clock)
    installation = Installation(
        database=Database(database_url, name="nobody", sessions=1),
        clock=clock,
        limiter=LocalBuckets(clock),
        public_url="https://luota.example",
        vault=Vault([ENCRYPTION_KEY]),
    )
    try:
        yield Post(world, clock, installation)
    finally:
        world.close()


@asynccontextmanager
async def scene(database_url: str) -> AsyncIterator[tuple[Post, Receiver]]:
    """A workspace and a receiver."""
    async with AsyncExitStack() as stack:
        post = await stack.enter_async_context(posting(database_url))
        yield post, await stack.enter_async_context(receiving())
