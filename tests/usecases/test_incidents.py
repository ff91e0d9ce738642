"""Incidents: ended by hand once, told to whom it concerns, and whether anybody was told is a fact of its own."""

import asyncio
from datetime import timedelta

import pytest
from tests.usecases.failing_monitor import fail, monitor, resolve

from luota_svc.model.errors import InvalidRequest, NotFound, PermissionDenied, ResourceConflict
from luota_svc.model.incidents import AlertState, IncidentFilter, IncidentKind, IncidentState, StateFilter
from luota_svc.model.pages import Ask
from luota_svc.usecases import incidents
from luota_svc.usecases.monitors import delete_monitor, mute_monitor

__all__ = ["fail", "monitor"]


@pytest.fixture
async def route(installation, house):
    """An alert route that covers every monitor of ours."""
    route_id = installation.clock.new_id()
    async with installation.database.unit() as unit:
        await unit.run(
            "INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask,"
            " destination, fallback, after_seconds, enabled, state, created_at, updated_at) VALUES (%(id)s,"
            " %(workspace)s, 'r', 'webhook', '{}', 'info', '', '', decode(repeat('00', 32), 'hex'), false, 0, true,"
            " 'unproven', now(), now())",
            {"id": route_id, "workspace": house.ours},
        )
    return route_id


async def deliveries(installation, incident_id):
    async with installation.database.unit() as unit:
        return await unit.rows(
            "SELECT d.id, d.reason, d.state, di.live, di.sequence FROM deliveries d"
            " JOIN delivery_incidents di ON di.delivery_id = d.id WHERE di.incident_id = %(id)s ORDER BY di.sequence",
            {"id": incident_id},
        )


async def test_an_incident_is_ended_by_an_operator_and_read_by_a_viewer(installation, house, fail):
    incident = await fail(2)
    for caller, refusal in ((house.bob, PermissionDenied), (house.charlie, NotFound)):
        with pytest.raises(refusal):
            await resolve(house, incident, caller)
    with pytest.raises(NotFound):
        await incidents.get_incident(installation, house.charlie.call(), incident.id)
    with pytest.raises(NotFound):
        await incidents.list_incidents(installation, house.charlie.call(), house.ours, Ask())
    installation.clock.advance(60)
    ended = await resolve(house, incident, note="Disk was full")
    assert (ended.state, ended.resolution, ended.resolved_at) == (
        IncidentState.RESOLVED,
        "by_hand",
        installation.clock.now(),
    )
    assert await incidents.get_incident(installation, house.bob.call(), incident.id) == ended


async def test_the_timeline_names_who_ended_it_by_which_request_and_why(installation, house, fail):
    incident = await fail(2)
    call = house.olga.call()
    await incidents.resolve_incident(installation, call, incident.id, note="Disk was full", version=None)
    async with installation.database.unit() as unit:
        events = await unit.rows(
            "SELECT number, event, actor, request_id, detail FROM incident_events WHERE incident_id = %(id)s"
            " ORDER BY number",
            {"id": incident.id},
        )
    assert [(event["number"], event["event"]) for event in events] == [(1, "opened"), (2, "resolved")]
    last = events[-1]
    assert (last["actor"], last["request_id"], last["detail"]) == (
        f"operator of {house.ours}",
        call.request_id,
        "Disk was full",
    )


async def test_ending_it_again_changes_nothing_whatever_version_is_named(installation, house, fail):
    incident = await fail(2)
    ended = await resolve(house, incident, version=1)
    assert await resolve(house, incident, version=1, note="again") == ended


async def test_a_version_that_has_passed_is_refused(installation, house, fail):
    await fail(2)
    incident = await fail(1)
    with pytest.raises(ResourceConflict, match="The incident was changed by somebody else"):
        await resolve(house, incident, version=1)


async def test_ending_it_consumes_the_breach(installation, house, fail):
    first = await fail(5)
    await resolve(house, first)
    assert await fail(1) is None
    second = await fail(1)
    assert second.id != first.id
    stands = await incidents.get_incident(installation, house.bob.call(), second.id)
    assert stands.previous_incident_id == first.id


async def test_two_operators_end_it_once(installation, house, fail):
    incident = await fail(2)
    first, second = await asyncio.gather(resolve(house, incident), resolve(house, incident, house.alice))
    assert first == second
    async with installation.database.unit() as unit:
        row = await unit.row(
            "SELECT count(*) AS entries FROM audit_entries WHERE action = 'incident.resolve' AND target_id = %(id)s",
            {"id": str(incident.id)},
        )
    assert row["entries"] == 1


async def test_ending_it_while_failures_land_keeps_one_timeline(installation, house, fail):
    incident = await fail(2)
    await asyncio.gather(*(fail(1) for _ in range(6)), resolve(house, incident))
    async with installation.database.unit() as unit:
        rows = await unit.rows(
            "SELECT i.id, i.event_count, count(*) AS events, max(e.number) AS last FROM incidents i"
            " JOIN incident_events e ON e.incident_id = i.id GROUP BY i.id, i.event_count"
        )
    assert all(row["event_count"] == row["events"] == row["last"] for row in rows)


async def test_an_undelivered_alert_is_cancelled_and_the_end_is_told_instead(installation, house, fail, route):
    incident = await fail(2)
    await resolve(house, incident)
    rows = await deliveries(installation, incident.id)
    assert [(row["reason"], row["state"], row["live"]) for row in rows] == [
        ("opened", "cancelled", False),
        ("resolved", "pending", True),
    ]


async def test_an_alert_in_flight_is_left_to_its_worker_and_the_end_is_told_after_it(installation, house, fail, route):
    incident = await fail(2)
    async with installation.database.unit() as unit:
        await unit.run("UPDATE deliveries SET state = 'sending', lease_until = now(), next_attempt_at = NULL")
    await resolve(house, incident)
    rows = await deliveries(installation, incident.id)
    assert [(row["reason"], row["state"], row["live"]) for row in rows] == [
        ("opened", "sending", False),
        ("resolved", "pending", True),
    ]


async def test_ending_it_while_its_monitor_is_muted_is_told_to_nobody(installation, house, monitor, fail, route):
    incident = await fail(2)
    until = installation.clock.now() + timedelta(hours=1)
    await mute_monitor(installation, house.olga.call(), monitor.id, until)
    await resolve(house, incident)
    assert [(row["reason"], row["state"]) for row in await deliveries(installation, incident.id)] == [
        ("opened", "cancelled")
    ]


@pytest.mark.parametrize("end", ["by hand", "deleted"])
async def test_the_end_is_told_on_the_request_and_trace_of_who_ended_it(installation, house, monitor, fail, route, end):
    incident = await fail(2)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    call = house.olga.call(traceparent=trace)
    if end == "by hand":
        await incidents.resolve_incident(installation, call, incident.id, note="", version=None)
    else:
        await delete_monitor(installation, call, monitor.id)
    async with installation.database.unit() as unit:
        row = await unit.row("SELECT request_id, traceparent FROM deliveries WHERE reason = 'resolved'")
    assert (row["request_id"], row["traceparent"]) == (call.request_id, trace)


ALERT_STATES = [
    ("pending", {}, AlertState.UNPROVEN),
    # Held by a breaker for so long that somebody else was told.
    ("pending", {"first_failed_at": "now()"}, AlertState.UNPROVEN),
    ("sending", {"lease_until": "now()"}, AlertState.UNPROVEN),
    ("failed_retrying", {"next_attempt_at": "now()", "first_failed_at": "now()"}, AlertState.RETRYING),
    ("sending", {"lease_until": "now()", "first_failed_at": "now()"}, AlertState.RETRYING),
    ("failed_terminal", {"settled_at": "now()"}, AlertState.BLOCKED),
    ("delivered", {"settled_at": "now()"}, AlertState.DELIVERED),
    ("cancelled", {"settled_at": "now()"}, AlertState.UNPROVEN),
]


@pytest.mark.parametrize(("state", "columns", "expected"), ALERT_STATES)
async def test_whether_anybody_was_told_follows_the_deliveries(
    installation, house, fail, route, state, columns, expected
):
    incident = await fail(2)
    instants = {"next_attempt_at": "NULL", "settled_at": "NULL", "lease_until": "NULL"}
    if state == "pending":
        instants["next_attempt_at"] = "now()"
    assignments = ", ".join(f"{column} = {value}" for column, value in {**instants, **columns}.items())
    async with installation.database.unit() as unit:
        await unit.run(f"UPDATE deliveries SET state = %(state)s, {assignments}", {"state": state})
    stands = await incidents.get_incident(installation, house.bob.call(), incident.id)
    assert stands.alert_state is expected


async def test_an_open_breaker_blocks_what_was_never_tried(installation, house, fail, route):
    incident = await fail(2)
    async with installation.database.unit() as unit:
        await unit.run(
            "INSERT INTO destinations (workspace_id, destination, open_until)"
            " SELECT workspace_id, destination, %(until)s FROM deliveries LIMIT 1",
            {"until": installation.clock.now() + timedelta(minutes=1)},
        )
    stands = await incidents.get_incident(installation, house.bob.call(), incident.id)
    assert stands.alert_state is AlertState.BLOCKED
    installation.clock.advance(61)
    stands = await incidents.get_incident(installation, house.bob.call(), incident.id)
    assert stands.alert_state is AlertState.UNPROVEN


async def test_without_a_route_nobody_is_told_and_it_says_so(installation, house, fail):
    incident = await fail(2)
    stands = await incidents.get_incident(installation, house.bob.call(), incident.id)
    assert stands.alert_state is AlertState.NO_ROUTE


async def test_lists_filter_and_page_newest_first(installation, house, monitor, fail):
    made = []
    for _ in range(3):
        installation.clock.advance(1)
        incident = await fail(2)
        made.append(incident.id)
        await resolve(house, incident)
    installation.clock.advance(1)
    made.append((await fail(2)).id)
    seen, ask = [], Ask(3)
    while True:
        page = await incidents.list_incidents(installation, house.bob.call(), house.ours, ask)
        seen += [incident.id for incident in page.items]
        if page.next is None:
            break
        ask = Ask(3, page.next)
    assert seen == made[::-1]

    async def ids(**filters):
        page = await incidents.list_incidents(
            installation, house.bob.call(), house.ours, Ask(), IncidentFilter(**filters)
        )
        return [incident.id for incident in page.items]

    assert await ids(state=StateFilter.OPEN) == [made[3]]
    assert await ids(state=StateFilter.RESOLVED) == made[2::-1]
    assert await ids(kind=IncidentKind.STALE) == []
    assert await ids(monitor_id=monitor.id, kind=IncidentKind.FAILED) == made[::-1]
    assert await ids(monitor_id=house.ours) == []


async def test_a_note_has_a_bound(house, fail):
    incident = await fail(2)
    with pytest.raises(InvalidRequest, match="note: must be at most 1000 characters"):
        await resolve(house, incident, note="x" * 1_001)
