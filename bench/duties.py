"""Duties to be told: routes with URLs of their own, so that bulkheads stay on, each duty's content frozen already.

They are tests of routes in form, which go at no pace (people's pace would be measured otherwise, and not the work), and
of the size of an alert about an incident.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import psycopg
from psycopg.rows import tuple_row

from luota_svc.model.alerts import AlertFacts, ToldIncident, ToldMonitor, Uncomposed
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.model.incidents import IncidentKind, IncidentState
from luota_svc.model.monitors import Severity
from luota_svc.model.routes import RouteKind
from luota_svc.rules.alert import compose_alert
from luota_svc.rules.route_targets import destination_of
from luota_svc.store.vault import Vault

# Each may take 10 in a second and 4 at once: so many that neither bound is ever met.
ROUTES: Final = 3_000
TRACEPARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

_ROUTES = """
INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask, destination,
                          fallback, after_seconds, enabled, state, created_at, updated_at)
SELECT id, %(workspace)s, 'Bench', 'webhook', '{}', 'info', target, 'http://***', destination, false, 0, true, 'proven',
       now(), now()
FROM unnest(%(routes)s::uuid[], %(targets)s::bytea[], %(destinations)s::bytea[]) AS v (id, target, destination)
"""
_DESTINATIONS = """
INSERT INTO destinations (workspace_id, destination)
SELECT %(workspace)s, destination FROM unnest(%(destinations)s::bytea[]) AS v (destination)
"""
# One after the other at each route in turn, as they would come due.
_DUTIES = """
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        next_attempt_at, due_at, content, request_id, traceparent)
SELECT gen_random_uuid(), r.workspace_id, r.id, r.destination, 'test', 'pending', 3, now(), now() + interval '1 day',
       %(due_at)s + make_interval(secs => 0.000001 * n), %(due_at)s, %(content)s, 'req-bench-' || n, %(traceparent)s
FROM generate_series(0, %(count)s - 1) AS n
JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM alert_routes WHERE workspace_id = %(workspace)s) r
    ON r.place = n %% %(routes)s
"""
_FORGET = (
    "DELETE FROM deliveries WHERE workspace_id = %s",
    "DELETE FROM alert_routes WHERE workspace_id = %s",
    "DELETE FROM destinations WHERE workspace_id = %s",
)
_KEPT = """
SELECT count(*) FILTER (WHERE d.state = 'delivered'), count(*) FILTER (WHERE d.state NOT IN ('delivered', 'pending')),
       (SELECT count(*) FROM delivery_attempts a JOIN deliveries t ON t.id = a.delivery_id
        WHERE t.workspace_id = %(workspace)s AND a.outcome = 'delivered')
FROM deliveries d
WHERE d.workspace_id = %(workspace)s
"""


class Duties:
    """The duties of one measure, in a workspace of their own. Taken back at the end of the `with` block."""

    def __init__(self, database_url: str, encryption_key: str, *, base_url: str, count: int) -> None:
        self._database = psycopg.connect(database_url, autocommit=True, row_factory=tuple_row)
        self._workspace = uuid.uuid4()
        words = {"workspace": self._workspace}
        self._database.execute(
            "INSERT INTO workspaces (id, slug, name, created_at, updated_at) VALUES (%s, %s, 'W', now(), now())",
            (self._workspace, f"told-{self._workspace.hex[:12]}"),
        )
        vault = Vault([encryption_key])
        targets = [_target(base_url, number) for number in range(ROUTES)]
        keys = [destination_of(RouteKind.WEBHOOK, target) for target in targets]
        self._database.execute(_DESTINATIONS.encode(), words | {"destinations": keys})
        sealed = [vault.seal(target) for target in targets]
        ids = [uuid.uuid4() for _ in targets]
        self._database.execute(_ROUTES.encode(), words | {"routes": ids, "targets": sealed, "destinations": keys})
        due = {"due_at": datetime.now(UTC), "content": alert(), "traceparent": TRACEPARENT}
        self._database.execute(_DUTIES.encode(), words | due | {"count": count, "routes": ROUTES})
        for table in ("deliveries", "alert_routes", "destinations", "delivery_attempts"):
            self._database.execute(f"VACUUM ANALYZE {table}".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._database:
            for statement in _FORGET:
                self._database.execute(statement.encode(), (self._workspace,))

    def fault(self, sent: int) -> str:
        """Say what does not add up: each that was sent is delivered and has one attempt, and nothing hangs between."""
        row = self._database.execute(_KEPT.encode(), {"workspace": self._workspace}).fetchone()
        assert row is not None
        delivered, between, attempts = row
        if delivered == sent == attempts and not between:
            return ""
        return f"{sent} sent, but {delivered} delivered with {attempts} attempts, and {between} neither nor"


def alert() -> bytes:
    """Return an alert about one incident, as Luota composes it."""
    now = datetime.now(UTC)
    monitor = ToldMonitor(
        id=uuid.uuid4(),
        slug="nightly-invoices",
        name="Nightly invoices",
        owner="billing@example.com",
        runbook_url="https://runbooks.example.com/invoices",
        environment="production",
        promise="Every customer's invoice has been sent by six in the morning",
        tags={"team": "billing", "tier": "1"},
        timezone="UTC",
    )
    incident = ToldIncident(
        id=uuid.uuid4(),
        kind=IncidentKind.FAILED,
        state=IncidentState.OPEN,
        severity=Severity.ERROR,
        reason="",
        opened_at=now - timedelta(seconds=1),
        acknowledged_at=None,
        acknowledged_by=None,
        resolved_at=None,
        resolution=None,
        occurrence_count=1,
        expected_at=None,
        sequence=1,
        monitor=monitor,
    )
    delivery = Uncomposed(
        id=uuid.uuid4(),
        workspace_id=uuid.uuid4(),
        route_id=uuid.uuid4(),
        route_name="Bench",
        reason=DeliveryReason.OPENED,
        created_at=now,
        request_id="req-01HX0000000000000000000000",
        about_route_id=None,
    )
    return compose_alert(AlertFacts(delivery, now, "https://luota.example", incident=incident))


def _target(base_url: str, number: int) -> dict[str, Any]:
    return {"url": f"{base_url}/hooks/{number}", "secret": secrets.token_urlsafe(32)}
