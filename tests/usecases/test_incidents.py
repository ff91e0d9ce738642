"""Incidents: ended by hand once, told to whom it concerns, and whether anybody was told is a fact of its own."""

import asyncio
from datetime import timedelta

import pytest
from tests.management import Caller

from luota_svc.model.errors import InvalidRequest, NotFound, PermissionDenied, ResourceConflict
from luota_svc.model.incidents import AlertState, IncidentFilter, IncidentKind, IncidentState, StateFilter
from luota_svc.model.monitors import MonitorKind, MonitorSettings, Severity
from luota_svc.model.pages import Ask
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.usecases import incidents
from luota_svc.usecases.keys import Scope, create_key
from luota_svc.usecases.monitors import create_monitor, delete_monitor, mute_monitor

BACKUP = MonitorSettings("backup", "Backup", MonitorKind.RUN, failure_threshold=2)


@pytest.fixture
async def monitor(installation, house):
    return await create_monitor(installation, house.olga.call(), house.ours, BACKUP, None)


@pytest.fixture
async def fail(installation, house, monitor, ingest):
    """Let runs of the monitor fail and return the incident that stands, if any."""
    scope = Scope(workspace_id=house.ours)
    made = await create_key(installation, house.alice.call(), scope, name="", expires_at=None, once=None)
    numbers = iter(range(1_000))

    async def fail(times=1):
        for _ in range(times):
            report = Report(
                SignalType.FINISH,
                Evidence(exit_code=1),
                monitor_id=monitor.id,
                external_run_id=f"run-{next(numbers)}",
            )
            accepted = await ingest.report(Caller(installation, made.token).call(), report)
        return accepted.incident

    return fail


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


async def resolve(house, incident, caller=None, *, note="", version=None):
    call = (caller or house.olga).call()
    return await incidents.resolve_incident(house.installation, call, incident.id, note=note, version=version)


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


async def acknowledge(house, incident, caller=None, *, until=None, note="", version=None):
    call = (caller or house.olga).call()
    return await incidents.acknowledge_incident(
        house.installation, call, incident.id, until=until, note=note, version=version
    )


async def assign(house, incident, assignee, caller=None, *, version=None):
    call = (caller or house.olga).call()
    return await incidents.assign_incident(house.installation, call, incident.id, assignee=assignee, version=version)


async def add_note(house, incident, note, caller=None, *, version=None):
    call = (caller or house.olga).call()
    return await incidents.add_note(house.installation, call, incident.id, note=note, version=version)


async def timeline(house, incident):
    page = await incidents.list_incident_events(house.installation, house.bob.call(), incident.id, Ask())
    return [(entry.number, entry.event.value, entry.detail) for entry in page.items]


async def audited(installation, incident):
    async with installation.database.unit() as unit:
        rows = await unit.rows(
            "SELECT action FROM audit_entries WHERE target_id = %(id)s ORDER BY at, id", {"id": str(incident.id)}
        )
    return [row["action"] for row in rows]


async def test_taking_one_stops_its_reminders_and_says_who_has_it_until_when(installation, house, fail):
    incident = await fail(2)
    now = installation.clock.now()
    async with installation.database.unit() as unit:
        await unit.run("UPDATE incidents SET next_reminder_at = %(at)s, next_deadline_at = %(at)s", {"at": now})
    until = now + timedelta(hours=2, microseconds=1_999)
    taken = await acknowledge(house, incident, until=until, note="On it")
    end = now + timedelta(hours=2, milliseconds=1)
    assert (taken.state, taken.acknowledged_at, taken.acknowledged_until) == (IncidentState.ACKNOWLEDGED, now, end)
    assert taken.acknowledged_by == f"operator of {house.ours}"
    assert (await timeline(house, incident))[1:] == [(2, "acknowledged", "until 2026-05-25T14:00:00.001Z: On it")]
    async with installation.database.unit() as unit:
        row = await unit.row("SELECT next_reminder_at, next_deadline_at FROM incidents")
    assert (row["next_reminder_at"], row["next_deadline_at"]) == (None, end)
    await acknowledge(house, incident)
    async with installation.database.unit() as unit:
        row = await unit.row("SELECT next_reminder_at, next_deadline_at FROM incidents")
    assert (row["next_reminder_at"], row["next_deadline_at"]) == (None, None)
    assert await audited(installation, incident) == ["incident.acknowledge"] * 2


async def test_another_operator_takes_it_over_and_the_timeline_knows_both(house, fail):
    incident = await fail(2)
    await acknowledge(house, incident)
    taken = await acknowledge(house, incident, house.alice, note="I know this one")
    assert taken.acknowledged_by == f"admin of {house.ours}"
    assert [event for _, event, _ in await timeline(house, incident)] == ["opened", "acknowledged", "acknowledged"]


async def test_an_end_that_has_passed_is_refused(installation, house, fail):
    incident = await fail(2)
    with pytest.raises(InvalidRequest, match="until: must be in the future"):
        await acknowledge(house, incident, until=installation.clock.now())


async def test_taking_it_again_is_one_event_whatever_version_is_named(installation, house, fail):
    incident = await fail(2)
    first = await acknowledge(house, incident, version=1)
    again = await asyncio.gather(*(acknowledge(house, incident, version=1) for _ in range(8)))
    assert set(again) == {first}
    assert [event for _, event, _ in await timeline(house, incident)] == ["opened", "acknowledged"]
    assert await audited(installation, incident) == ["incident.acknowledge"]


@pytest.mark.parametrize("change", ["acknowledge", "assign", "add_note"])
async def test_of_two_operators_who_read_the_same_version_one_is_told_to_read_again(house, fail, change):
    incident = await fail(2)
    acts = {
        "acknowledge": lambda caller, n: acknowledge(house, incident, caller, version=n),
        "assign": lambda caller, n: assign(house, incident, f"{caller.token[-8:]} {n}", caller, version=n),
        "add_note": lambda caller, n: add_note(house, incident, "Mine", caller, version=n),
    }
    for version in range(1, 9):
        answers = await asyncio.gather(
            acts[change](house.olga, version), acts[change](house.alice, version), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, ResourceConflict)]
        assert len(refused) == 1, answers
        assert str(refused[0]) == "The incident was changed by somebody else; read it again"
        if change == "acknowledge":  # taken is taken
            break


async def test_what_has_ended_is_neither_taken_nor_given_to_anybody_but_may_be_written_about(installation, house, fail):
    incident = await fail(2)
    await resolve(house, incident)
    for act in (acknowledge(house, incident), assign(house, incident, "Olga")):
        with pytest.raises(ResourceConflict, match="The incident has ended"):
            await act
    noted = await add_note(house, incident, "It was the disk")
    assert (noted.state, noted.event_count, noted.version) == (IncidentState.RESOLVED, 3, 3)
    assert (await timeline(house, incident))[-1] == (3, "note", "It was the disk")
    assert sorted(await audited(installation, incident)) == ["incident.add_note", "incident.resolve"]


async def test_one_is_given_to_somebody_and_to_nobody_and_found_by_that(installation, house, fail):
    incident = await fail(2)
    given = await assign(house, incident, " Olga ")
    assert given.assignee == "Olga"
    assert await assign(house, incident, "Olga") == given

    async def ids(assignee):
        only = IncidentFilter(assignee=assignee)
        page = await incidents.list_incidents(installation, house.bob.call(), house.ours, Ask(), only)
        return [found.id for found in page.items]

    assert (await ids("Olga"), await ids(""), await ids(None)) == ([incident.id], [], [incident.id])
    await assign(house, incident, "")
    assert (await ids("Olga"), await ids("")) == ([], [incident.id])
    assert (await timeline(house, incident))[1:] == [(2, "assigned", "Olga"), (3, "assigned", "")]
    assert await audited(installation, incident) == ["incident.assign"] * 2


async def test_the_queue_holds_what_stands_taken_or_not(installation, house, fail):
    incident = await fail(2)

    async def ids(**filters):
        only = IncidentFilter(**filters)
        page = await incidents.list_incidents(installation, house.bob.call(), house.ours, Ask(), only)
        return [found.id for found in page.items]

    await acknowledge(house, incident)
    assert await ids(state=StateFilter.OPEN) == []
    assert await ids(state=StateFilter.ACKNOWLEDGED) == await ids(state=StateFilter.UNRESOLVED) == [incident.id]
    opened = installation.clock.now()
    assert await ids(opened_after=opened, severity=BACKUP.severity) == [incident.id]
    assert await ids(opened_before=opened) == await ids(severity=Severity.INFO) == []
    await resolve(house, incident)
    assert await ids(state=StateFilter.UNRESOLVED) == []


async def test_a_timeline_is_read_in_order_and_in_parts(installation, house, fail):
    incident = await fail(2)
    for number in range(5):
        await add_note(house, incident, f"Note {number}")
    seen, ask = [], Ask(2)
    while True:
        page = await incidents.list_incident_events(installation, house.bob.call(), incident.id, ask)
        seen += [entry.number for entry in page.items]
        if page.next is None:
            break
        ask = Ask(2, page.next)
    assert seen == [1, 2, 3, 4, 5, 6]


async def test_only_operators_steer_and_strangers_know_of_nothing(installation, house, fail):
    incident = await fail(2)
    for caller, refusal in ((house.bob, PermissionDenied), (house.charlie, NotFound)):
        for act in (
            acknowledge(house, incident, caller),
            assign(house, incident, "Bob", caller),
            add_note(house, incident, "Hello", caller),
        ):
            with pytest.raises(refusal):
                await act
    with pytest.raises(NotFound):
        await incidents.list_incident_events(installation, house.charlie.call(), incident.id, Ask())


async def test_names_and_notes_have_bounds(house, fail):
    incident = await fail(2)
    for act, problem in (
        (assign(house, incident, "x" * 201), "assignee: must be at most 200 characters"),
        (add_note(house, incident, " "), "note: is required"),
        (add_note(house, incident, "x" * 1_001), "note: must be at most 1000 characters"),
        (acknowledge(house, incident, note="x" * 1_001), "note: must be at most 1000 characters"),
    ):
        with pytest.raises(InvalidRequest, match=problem):
            await act
