"""Routes, duties and workers' outboxes on one database and a clock that is moved by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet
from tests.builders import World
from tests.delivery_rows import delivery, incident

from luota_svc.clock import RealClock, StubClock
from luota_svc.limits.local import LocalBuckets
from luota_svc.model.deliveries import Claimed, Outcome, OutcomeKind, Settlement
from luota_svc.store.database import Database
from luota_svc.store.vault import Vault
from luota_svc.usecases.deliveries import Claim, Outbox
from luota_svc.usecases.installation import Installation

DELAYS = (0, 5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800)
TOOK_IT = Outcome(OutcomeKind.DELIVERED, http_status=200, provider_id="p-1")
OVERLOADED = Outcome(OutcomeKind.OVERLOADED, error="It answered 503", http_status=503)
GONE = Outcome(OutcomeKind.REJECTED, error="It answered 410", http_status=410)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class PostRoom:
    """What a test acts with; instants by the room's own clock, leases by the database's."""

    def __init__(self, world: World, clock: StubClock | RealClock, installation: Installation) -> None:
        self.world = world
        self.clock = clock
        self.installation = installation

    def outbox(self, worker: str = "w-1") -> Outbox:
        return Outbox(self.installation, worker=worker, retry_delays=DELAYS)

    def route(self, url: str = "https://hooks.example/a", *, kind: str = "webhook", **settings: Any) -> UUID:
        """Make a route; one URL is one destination, whoever leads there."""
        target = {"url": url}
        destination = hashlib.sha256(f"{kind} {url}".encode()).digest()
        per_second = settings.pop("per_second", 10)
        self.world.rows(
            "INSERT INTO destinations (workspace_id, destination, per_second, paced) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            self.world.workspace_id,
            destination,
            per_second,
            kind != "pagerduty",
        )
        sealed = self.installation.vault.seal(target)
        return self.world.route(kind=kind, destination=destination, target=sealed, **settings)

    def incident(self, monitor: UUID | None = None, *, severity: str = "error", kind: str = "failed") -> UUID:
        return incident(self.world, monitor, severity=severity, kind=kind)

    def duty(
        self, route: UUID, *incidents: UUID, reason: str = "opened", sequence: int = 1, rank: int = 3, **columns: Any
    ) -> UUID:
        """Write a duty that is due now, as the fact's transaction does."""
        words = {"state": "pending", "reason": reason, "severity_rank": rank, "traceparent": TRACEPARENT, **columns}
        words.setdefault("request_id", f"req-{self.clock.new_id().hex[-8:]}")
        return delivery(self.world, route, *incidents, sequence=sequence, **words)

    def news(self, route: UUID, count: int = 1, **columns: Any) -> list[UUID]:
        """Write duties about so many incidents of their own."""
        return [self.duty(route, self.incident(), **columns) for _ in range(count)]

    def delivery(self, delivery_id: UUID) -> dict[str, Any]:
        (row,) = self.world.rows("SELECT * FROM deliveries WHERE id = %s", delivery_id)
        return row

    def states(self) -> dict[str, int]:
        rows = self.world.rows("SELECT state, count(*) AS count FROM deliveries GROUP BY state")
        return {row["state"]: row["count"] for row in rows}

    def attempts(self, delivery_id: UUID) -> list[tuple[int, str, bool]]:
        rows = self.world.rows(
            "SELECT number, outcome, late FROM delivery_attempts WHERE delivery_id = %s"
            " ORDER BY number, started_at, late",
            delivery_id,
        )
        return [(row["number"], row["outcome"], row["late"]) for row in rows]

    def lose_lease(self, delivery_id: UUID) -> None:
        """Let the lease run out, as 45 s do."""
        self.world.rows("UPDATE deliveries SET lease_until = now() - interval '1 second' WHERE id = %s", delivery_id)

    def settlement(self, claimed: Claimed, outcome: Outcome, worker: str = "w-1") -> Settlement:
        now = self.clock.now()
        return Settlement(claimed, outcome, now, now + timedelta(milliseconds=20), worker, TRACEPARENT)

    async def settle(self, outbox: Outbox, outcome: Outcome, *claimed: Claimed) -> None:
        await outbox.settle([self.settlement(each, outcome) for each in claimed])

    async def work(self, outbox: Outbox, outcome: Outcome, *, most: int = 32) -> list[Claimed]:
        """Claim once and settle all of it alike."""
        claim: Claim = await outbox.claim(most)
        if claim.claimed:
            await self.settle(outbox, outcome, *claim.claimed)
        return claim.claimed

    def pass_time(self, seconds: float) -> datetime:
        assert isinstance(self.clock, StubClock), "real time passes by itself"
        self.clock.advance(seconds)
        return self.clock.now()


def told(claimed: Claimed) -> set[str]:
    """Return the incidents that an alert names."""
    document = json.loads(claimed.content)
    further = document["metadata"]["furtherIncidents"]
    return {document["incidentId"], *(incident["incidentId"] for incident in further)}


def ids(claimed: Sequence[Claimed]) -> list[UUID]:
    return [each.id for each in claimed]


@asynccontextmanager
async def post_room(
    database_url: str, *, sessions: int = 6, clock: StubClock | RealClock | None = None
) -> AsyncIterator[PostRoom]:
    """Open it; by default its clock stands until a test moves it."""
    clock = clock or StubClock()
    world = World(database_url, clock)
    database = Database(database_url, name="post-room", sessions=sessions, prepare_threshold=None)
    await database.open()
    vault = Vault([Fernet.generate_key().decode()])
    installation = Installation(
        database=database,
        clock=clock,
        limiter=LocalBuckets(clock),
        public_url="https://luota.example",
        vault=vault,
    )
    yield PostRoom(world, clock, installation)
    await database.close()
    world.close()
