"""What a delivery tells, composed from what really happened: signals, silence, operators and other deliveries."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from tests.builders import World
from tests.usecases import sweeping

from luota_svc.model.alerts import Uncomposed
from luota_svc.model.deliveries import DeliveryReason
from luota_svc.rules.canonical_json import canonical_json
from luota_svc.usecases.alert_content import freeze_contents
from luota_svc.usecases.incidents import acknowledge_incident, resolve_incident
from luota_svc.usecases.monitors import update_monitor
from luota_svc.usecases.packets import get_packet

time = sweeping.time


@pytest.fixture
def world(database_url, installation):
    world = World(database_url, clock=installation.clock)
    yield world
    world.close()


@pytest.fixture
def monitor(world):
    return world.monitor(
        "nightly", name="Nightly backup", owner="data@example.com", runbook_url="https://wiki.example/nightly",
        promise="Numbers by 8", tags='{"team": "data"}', severity="critical",
    )  # fmt: skip


@pytest.fixture
def compose(world, installation):
    """Freeze what deliveries tell that have no content yet, all at once, and return the alerts, oldest first."""

    async def compose():
        rows = world.rows(
            "SELECT d.id, d.workspace_id, d.route_id, r.name AS route_name, d.reason, d.created_at, d.request_id,"
            " d.about_route_id FROM deliveries d JOIN alert_routes r ON r.id = d.route_id"
            " WHERE d.content IS NULL AND d.state IN ('pending', 'failed_retrying') ORDER BY d.created_at, d.id"
        )
        new = [Uncomposed(**{**row, "reason": DeliveryReason(row["reason"])}) for row in rows]
        async with installation.database.unit() as unit:
            contents = await freeze_contents(installation, unit, new)
            again = await freeze_contents(installation, unit, new)
        assert again == contents
        assert set(contents) == {each.id for each in new}
        for delivery_id, content in contents.items():
            assert canonical_json(json.loads(content)).encode() == content
            world.rows("UPDATE deliveries SET content = %s WHERE id = %s", content, delivery_id)
        return [json.loads(contents[each.id]) for each in new]

    return compose


def deliver(world):
    """Let what waits be delivered."""
    now = world.clock.now()
    world.rows(
        "UPDATE deliveries SET state = 'delivered', next_attempt_at = NULL, settled_at = %s WHERE settled_at IS NULL",
        now,
    )
    world.rows("UPDATE delivery_incidents SET live = false")


async def test_a_failure_tells_its_run_its_packet_and_what_was_changed_since_the_last_good_signal(
    installation, house, world, process, monitor, compose
):
    world.route(name="On call")
    old = {"owner": "old@example.com"}
    await update_monitor(installation, house.root.call(), monitor, old, None)
    world.clock.advance(60)
    good = await process.finish(monitor, "good", 0)
    world.clock.advance(60)
    await update_monitor(
        installation, house.root.call(), monitor, {"grace_seconds": 60, "owner": "data@example.com"}, None
    )
    other = world.monitor("other")
    await update_monitor(installation, house.root.call(), other, {"grace_seconds": 7}, None)
    world.clock.advance(60)
    await process.start(monitor, "bad", deploy_sha="abc123", host="db-1")
    failed = await process.fail(monitor, "bad", summary="Disk full", exit_code=3, output="no\nspace\n")
    (alert,) = await compose()
    assert alert["incidentId"] == str(failed.incident.id)
    assert alert["subject"] == "[critical] Nightly backup: failed with exit code 3"
    about = alert["metadata"]
    request_id = world.one("SELECT request_id FROM signals WHERE type = 'fail'")
    assert (about["requestId"], about["kind"], about["state"]) == (request_id, "failed", "open")
    assert (about["sequence"], about["firstWord"], about["reason"]) == (1, True, "opened")
    assert about["lastGoodSignal"]["requestId"] == world.one(
        "SELECT request_id FROM signals WHERE run_id = %s", good.run.id
    )
    run = about["run"]
    assert (run["externalRunId"], run["summary"], run["exitCode"], run["outputTail"]) == (
        "bad",
        "Disk full",
        3,
        "no\nspace",
    )
    assert (run["deploySha"], run["host"], run["state"]) == ("abc123", "db-1", "failed")
    (change,) = about["changes"]
    assert change["what"] == 'changed grace from 5 min to 1 min, owner from "old@example.com" to "data@example.com"'
    document = (await get_packet(installation, house.root.call(), failed.incident.id)).document
    assert about["evidenceDigest"] == document["evidenceDigest"]
    assert about["links"] == {
        "incident": document["incident"]["url"],
        "packet": f"https://luota.example/v1/incidents/{failed.incident.id}/packet",
        "runbook": "https://wiki.example/nightly",
    }
    assert about["monitor"]["slug"] == "nightly"
    assert about["route"]["name"] == "On call"


async def test_a_revoked_key_is_among_what_was_changed(world, process, monitor, compose):
    world.route()
    await process.finish(monitor, "good", 0)
    world.clock.advance(60)

    def revoked(monitor_id, actor):
        after = json.dumps({"name": "ci", "monitorId": monitor_id and str(monitor_id)})
        world.rows(
            "INSERT INTO audit_entries (id, at, workspace_id, actor_kind, actor_id, actor, action, target_type,"
            " target_id, before, after, request_id) VALUES (%s, %s, %s, 'token', 'x', %s, 'ingest_key.revoke',"
            " 'ingest_key', 'k', %s, %s, 'req')",
            world.clock.new_id(), world.clock.now(), world.workspace_id, actor, after, after,
        )  # fmt: skip

    revoked(monitor, "Olga")
    revoked(None, "Alice")
    revoked(world.monitor(), "Somebody else")
    world.clock.advance(60)
    await process.finish(monitor, "bad", 1)
    (alert,) = await compose()
    assert {change["actor"] for change in alert["metadata"]["changes"]} == {"Olga", "Alice"}
    assert {change["what"] for change in alert["metadata"]["changes"]} == {'revoked an ingest key ("ci")'}


async def test_a_recovery_says_how_long_it_lasted_and_whether_it_is_the_first_word(world, process, monitor, compose):
    world.route(name="Up")
    await process.finish(monitor, "bad", 1)
    await compose()
    deliver(world)
    world.route(name="New, told nothing")
    world.clock.advance(8_000)
    await process.finish(monitor, "good", 0)
    (alert,) = await compose()
    assert alert["subject"] == "[resolved] Nightly backup: failed for 2 h 13 min"
    about = alert["metadata"]
    assert (about["firstWord"], about["sequence"], about["durationSeconds"], about["state"]) == (
        False,
        2,
        8_000,
        "resolved",
    )
    assert "Over after 2 h 13 min: the monitor keeps its promise again.\n" in alert["text"]


async def test_a_route_that_was_down_hears_of_the_end_that_it_is_the_first_word(world, process, monitor, compose):
    world.route()
    await process.finish(monitor, "bad", 1)
    await compose()
    now = world.clock.now()
    world.rows("UPDATE deliveries SET state = 'failed_retrying', first_failed_at = %s", now)
    world.clock.advance(60)
    await process.finish(monitor, "good", 0)
    (alert,) = await compose()
    assert alert["metadata"]["firstWord"] is True
    assert "You were not told before: this route was not reachable.\n" in alert["text"]


async def test_a_word_that_was_taken_back_before_it_was_composed_was_never_told(world, process, compose):
    """Gathered with another, taken back while that one waited: what was delivered does not name it."""
    world.route()
    first, second = world.monitor(name="First"), world.monitor(name="Second")
    await process.finish(first, "bad", 1)
    world.clock.advance(1)
    await process.finish(second, "bad", 1)
    world.clock.advance(1)
    leader, other = [row["id"] for row in world.rows("SELECT id FROM deliveries ORDER BY id")]
    world.rows("UPDATE delivery_incidents SET delivery_id = %s WHERE delivery_id = %s", leader, other)
    world.rows("DELETE FROM deliveries WHERE id = %s", other)
    await process.finish(second, "good", 0)
    (alert, over) = await compose()
    assert (alert["monitorName"], alert["metadata"]["furtherIncidents"]) == ("First", [])
    assert over["monitorName"] == "Second"
    deliver(world)
    # Were it asked again, the delivered one would still not count as a word about the second.
    world.rows("UPDATE deliveries SET content = NULL, state = 'pending', next_attempt_at = now(), settled_at = NULL"
               " WHERE reason = 'resolved'")  # fmt: skip
    world.rows("UPDATE delivery_incidents SET live = true WHERE delivery_id <> %s", leader)
    (again,) = await compose()
    assert (again["monitorName"], again["metadata"]["firstWord"]) == ("Second", True)


async def test_an_end_by_hand_says_by_whom_and_why(installation, house, world, process, monitor, compose):
    world.route()
    failed = await process.finish(monitor, "bad", 1)
    await compose()
    deliver(world)
    await resolve_incident(installation, house.root.call(), failed.incident.id, note="Disk replaced", version=None)
    (alert,) = await compose()
    assert "resolved it by hand: Disk replaced.\n" in alert["text"]


async def test_what_somebody_took_meanwhile_says_who(installation, house, world, process, monitor, compose):
    world.route()
    failed = await process.finish(monitor, "bad", 1)
    await acknowledge_incident(installation, house.root.call(), failed.incident.id, until=None, note="", version=None)
    (alert,) = await compose()
    assert alert["metadata"]["state"] == "acknowledged"
    assert alert["metadata"]["acknowledgedAt"] is not None
    assert " acknowledged it at 2026-" in alert["text"]


async def test_a_storm_of_two_hundred_and_fifty_is_one_alert_of_the_gravest_first(world, process, monitor, compose):
    world.route()
    for number in range(5):
        await process.finish(world.monitor(name=f"Import {number}", severity="warning"), "bad", 1)
        world.clock.advance(1)
    await process.finish(monitor, "bad", 1, summary="Disk full")
    leader = world.rows("SELECT id FROM deliveries ORDER BY id LIMIT 1")[0]["id"]
    world.rows("UPDATE delivery_incidents SET delivery_id = %s", leader)
    world.rows("DELETE FROM deliveries WHERE id <> %s", leader)
    (alert,) = await compose()
    assert alert["subject"] == "[critical] 6 incidents: Nightly backup and 5 more"
    assert [each["monitorName"] for each in alert["metadata"]["furtherIncidents"]] == [f"Import {n}" for n in range(5)]
    assert "It said: Disk full\n" in alert["text"]
    world.rows(
        "INSERT INTO incidents (id, workspace_id, monitor_id, kind, state, severity, opened_at, occurrence_count,"
        " event_count, reason) SELECT gen_random_uuid(), m.workspace_id, m.id, k, 'open', 'info', %s, 1, 1, ''"
        " FROM monitors m, unnest(ARRAY['missed', 'late', 'slow', 'fast', 'stuck']) k",
        world.clock.now(),
    )
    for _ in range(220):
        world.monitor()
    world.rows(
        "INSERT INTO incidents (id, workspace_id, monitor_id, kind, state, severity, opened_at, occurrence_count,"
        " event_count, reason) SELECT gen_random_uuid(), m.workspace_id, m.id, 'stale', 'open', 'info', %s, 1, 1, ''"
        " FROM monitors m",
        world.clock.now(),
    )
    world.rows(
        "INSERT INTO delivery_incidents (delivery_id, incident_id, route_id, sequence, live)"
        " SELECT d.id, i.id, d.route_id, 1, true FROM deliveries d, incidents i ON CONFLICT DO NOTHING"
    )
    world.rows("UPDATE deliveries SET content = NULL")
    (alert,) = await compose()
    count = world.count("incidents")
    assert count > 250
    assert alert["monitorName"] == "Nightly backup"
    about = alert["metadata"]
    assert (len(about["furtherIncidents"]), about["furtherIncidentsOmitted"]) == (200, count - 201)
    assert f"- and {count - 201} more that found no room here\n" in alert["text"]


async def test_a_fallback_route_hears_which_route_fails_since_when_why_and_what_it_should_have_told(
    world, process, monitor, compose
):
    pager = world.route(name="Pager", kind="webhook", state="retrying", last_error="It answered 503")
    failed = await process.finish(monitor, "bad", 1)
    await compose()
    since = world.clock.now()
    world.rows("UPDATE deliveries SET state = 'failed_retrying', first_failed_at = %s", since)
    world.clock.advance(600)
    fallback = world.route(name="Deputy", fallback=True)
    now = world.clock.now()
    told = world.clock.new_id()
    world.rows(
        "INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at,"
        " expires_at, next_attempt_at, about_route_id) VALUES (%s, %s, %s, %s, 'route_failure', 'pending', 4, %s, %s,"
        " %s, %s)",
        told, world.workspace_id, fallback, bytes(32), now, now + timedelta(days=1), now, pager,
    )  # fmt: skip
    world.rows("INSERT INTO delivery_incidents VALUES (%s, %s, %s, 0, false)", told, failed.incident.id, fallback)
    (alert,) = await compose()
    assert alert["subject"] == '[critical] Alert route "Pager" does not deliver news of Nightly backup'
    assert alert["metadata"]["failedRoute"] == {
        "id": str(pager),
        "name": "Pager",
        "kind": "webhook",
        "error": "It answered 503",
        "since": since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    assert alert["metadata"]["route"]["name"] == "Deputy"
    assert "Luota goes on trying meanwhile." in alert["text"]


async def test_a_test_needs_no_incident(world, compose):
    route, now = world.route(name="On call"), world.clock.now()
    world.rows(
        "INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at,"
        " expires_at, next_attempt_at) VALUES (%s, %s, %s, %s, 'test', 'pending', 1, %s, %s, %s)",
        world.clock.new_id(), world.workspace_id, route, bytes(32), now, now + timedelta(days=1), now,
    )  # fmt: skip
    (alert,) = await compose()
    assert alert["subject"] == '[test] Luota reaches "On call"'
    assert (alert["incidentId"], alert["metadata"]["monitor"]) == (None, None)


async def test_many_deliveries_take_no_more_statements_than_one(installation, world, process, compose):
    world.route()
    for number in range(32):
        await process.finish(world.monitor(name=f"M {number}"), "bad", 1, summary=f"Summary {number}")
    alerts = await compose()
    said = {alert["monitorName"]: alert["metadata"]["run"]["summary"] for alert in alerts}
    assert said == {f"M {number}": f"Summary {number}" for number in range(32)}
    world.rows("UPDATE deliveries SET content = NULL")
    rows = world.rows("SELECT id, workspace_id, route_id, created_at FROM deliveries")
    new = [
        Uncomposed(**row, route_name="R", reason=DeliveryReason.OPENED, request_id=None, about_route_id=None)
        for row in rows
    ]
    counts = []
    for few in (new[:1], new):
        async with installation.database.unit() as unit:
            asked = []
            run_rows = unit.rows

            async def counted(statement, parameters=None, *, rows=run_rows, asked=asked):
                asked.append(statement)
                return await rows(statement, parameters)

            unit.rows = counted
            await freeze_contents(installation, unit, few)
            counts.append(len(asked))
    assert counts == [4, 4]


async def test_whatever_the_sweep_opens_is_told_in_its_zone(time, installation):
    time.world.route()
    monitor = time.monitor(schedule_cron="0 18 * * *", schedule_timezone="Europe/Helsinki", name="Evening run")
    await time.passes(hours=4)
    (row,) = time.world.rows(
        "SELECT d.id, d.workspace_id, d.route_id, d.created_at, d.request_id, d.about_route_id FROM deliveries d"
        " JOIN delivery_incidents di ON di.delivery_id = d.id JOIN incidents i ON i.id = di.incident_id"
        " WHERE i.monitor_id = %s",
        monitor,
    )
    new = Uncomposed(**row, route_name="R", reason=DeliveryReason.OPENED)
    async with installation.database.unit() as unit:
        (content,) = (await freeze_contents(installation, unit, [new])).values()
    alert = json.loads(content)
    assert alert["subject"] == "[error] Evening run: never started (late)"
    assert alert["metadata"]["brokenPromise"] == (
        "Never started: no run has ever come; the first was due 18:00 Europe/Helsinki (15:00 UTC), grace 5 min."
    )
