"""Routes as operators make and change them, and duties that wait for them."""

from datetime import timedelta

import pytest

from luota_svc.model.routes import RouteKind, RouteSettings
from luota_svc.usecases import routes

WEBHOOK = RouteSettings("On call", RouteKind.WEBHOOK)


URL, OTHER = "https://hooks.example.com/t/0123456789abcdef", "https://hooks.example.com/t/fedcba9876543210"


SECRET = "sixteen-letters-that-sign"


GIVEN = {RouteKind.WEBHOOK: {"url": URL, "secret": SECRET}}


MINUTE = timedelta(minutes=1)


@pytest.fixture
def create(installation, house):
    async def create(settings=WEBHOOK, given=GIVEN, caller=None, once=None):
        call = (caller or house.olga).call()
        return (await routes.create_route(installation, call, house.ours, settings, given, once)).route

    return create


@pytest.fixture
def update(installation, house):
    async def update(route, given=None, version=None, **changes):
        call = house.olga.call()
        return (await routes.update_route(installation, call, route.id, changes, given or {}, version)).route

    return update


@pytest.fixture
def rows(installation):
    async def rows(statement, **parameters):
        async with installation.database.unit() as unit:
            cursor = await unit.connection.execute(statement, parameters)
            return await cursor.fetchall() if cursor.description else []

    return rows


@pytest.fixture
def owe(installation, house, rows):
    """Write duties to a route, by state; return their ids."""

    async def owe(route, state="pending", reason="opened", due_in=timedelta(0)):
        now, delivery_id, incident_id = (
            installation.clock.now(),
            installation.clock.new_id(),
            installation.clock.new_id(),
        )
        waits = state in {"pending", "failed_retrying"}
        await rows(
            "INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at,"
            " expires_at, next_attempt_at, due_at, lease_until, settled_at)"
            " SELECT %(id)s, workspace_id, id, destination, %(reason)s, %(state)s, 3, %(now)s, %(now)s, %(next)s,"
            " %(due)s, %(lease)s, %(settled)s FROM alert_routes WHERE id = %(route)s",
            id=delivery_id,
            reason=reason,
            state=state,
            now=now,
            next=(now + due_in if state == "pending" else now + timedelta(hours=1)) if waits else None,
            due=now + due_in,
            lease=now + MINUTE if state == "sending" else None,
            settled=now if state == "delivered" else None,
            route=route.id,
        )
        await rows(
            "INSERT INTO delivery_incidents VALUES (%(id)s, %(incident)s, %(route)s, 1, %(live)s)",
            id=delivery_id,
            incident=incident_id,
            route=route.id,
            live=state != "delivered",
        )
        return delivery_id

    return owe


@pytest.fixture
def delivery(rows):
    async def delivery(delivery_id):
        (row,) = await rows(
            "SELECT d.*, di.live FROM deliveries d LEFT JOIN delivery_incidents di ON di.delivery_id = d.id"
            " WHERE d.id = %(id)s",
            id=delivery_id,
        )
        return row

    return delivery


async def audit(rows, route):
    found = await rows(
        "SELECT action, before, after FROM audit_entries WHERE target_id = %(id)s "
        " ORDER BY coalesce((after->>'version')::int, 99)",
        id=str(route.id),
    )
    return [(row["action"], row["before"], row["after"]) for row in found]


async def break_destination(rows, installation, route):
    await rows(
        "UPDATE destinations SET failures_in_row = 7, open_until = %(at)s, open_seconds = 60"
        " WHERE destination = (SELECT destination FROM alert_routes WHERE id = %(id)s)",
        at=installation.clock.now() + MINUTE,
        id=route.id,
    )


async def destination(rows, route):
    (row,) = await rows(
        "SELECT t.* FROM destinations t JOIN alert_routes r USING (workspace_id, destination) WHERE r.id = %(id)s",
        id=route.id,
    )
    return row
