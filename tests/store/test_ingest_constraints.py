"""The table itself refuses what no writer may do, whatever a bug upstairs decides."""

import psycopg
import pytest
from tests.builders import World


@pytest.fixture
def world(database_url):
    world = World(database_url)
    yield world
    world.close()


def run(world, monitor_id, **words):
    row = {
        "id": world.clock.new_id(),
        "workspace_id": world.workspace_id,
        "monitor_id": monitor_id,
        "external_run_id": "r",
        "state": "running",
        "started_at": world.clock.now(),
        "start_occurred": False,
        "start_seen": True,
        "received_at": world.clock.now(),
        "last_sign_at": world.clock.now(),
        "request_id": "req",
        "timeout_at": world.clock.now(),
        **words,
    }
    world._insert("runs", row)


def incident(world, monitor_id, **words):
    row = {
        "id": world.clock.new_id(),
        "workspace_id": world.workspace_id,
        "monitor_id": monitor_id,
        "kind": "failed",
        "state": "open",
        "severity": "error",
        "opened_at": world.clock.now(),
        "occurrence_count": 1,
        "event_count": 1,
        **words,
    }
    world._insert("incidents", row)
    return row["id"]


def delivery(world, route_id, **words):
    row = {
        "id": world.clock.new_id(),
        "workspace_id": world.workspace_id,
        "route_id": route_id,
        "destination": bytes(32),
        "reason": "opened",
        "state": "pending",
        "severity_rank": 3,
        "created_at": world.clock.now(),
        "expires_at": world.clock.now(),
        "next_attempt_at": world.clock.now(),
        **words,
    }
    world._insert("deliveries", row)
    return row["id"]


@pytest.mark.parametrize("first_state", ["open", "acknowledged"])
def test_a_second_unresolved_incident_of_one_kind_is_refused(world, first_state):
    monitor_id, now = world.monitor(), world.clock.now()
    incident(world, monitor_id, state=first_state, acknowledged_at=now)
    incident(world, monitor_id, kind="late")
    incident(world, world.monitor())
    with pytest.raises(psycopg.errors.UniqueViolation, match="incidents_one_unresolved"):
        incident(world, monitor_id)
    world.rows("UPDATE incidents SET state = 'resolved', resolved_at = now(), resolution = 'recovered'")
    incident(world, monitor_id)


NOW = "2026-05-25T12:00:00Z"


@pytest.mark.parametrize(
    ("words", "constraint"),
    [
        ({"state": "succeeded"}, "runs_closed_or_running"),
        ({"state": "expired"}, "runs_closed_or_running"),
        ({"state": "succeeded", "finished_at": NOW}, "runs_duration_when_closed"),
        ({"finished_at": NOW, "duration_ms": 1}, "runs_closed_or_running"),
        ({"duration_ms": 1}, "runs_duration_when_closed"),
        ({"state": "failed", "finished_at": NOW, "duration_ms": -1}, "duration_ms"),
        (
            {"state": "failed", "finished_at": NOW, "duration_ms": 1, "next_deadline_at": NOW},
            "runs_deadline_while_running",
        ),
        ({"state": "done", "finished_at": NOW, "duration_ms": 1}, "state"),
    ],
)
def test_a_run_that_contradicts_itself_is_refused(world, words, constraint):
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        run(world, world.monitor(), **words)


@pytest.mark.parametrize(
    ("words", "constraint"),
    [
        ({"state": "resolved", "resolution": "recovered"}, "resolved_has_instant"),
        ({"state": "resolved", "resolved_at": NOW}, "resolved_has_reason"),
        ({"resolved_at": NOW}, "resolved_has_instant"),
        ({"resolution": "by_hand"}, "resolved_has_reason"),
        ({"state": "acknowledged"}, "acknowledged_has_instant"),
        ({"occurrence_count": 0}, "occurrence_count"),
        ({"event_count": 0}, "event_count"),
        ({"kind": "sad"}, "kind"),
    ],
)
def test_an_incident_that_contradicts_itself_is_refused(world, words, constraint):
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        incident(world, world.monitor(), **words)


@pytest.mark.parametrize(
    ("words", "constraint"),
    [
        ({"next_attempt_at": None}, "waiting_has_instant"),
        ({"settled_at": NOW}, "final_is_settled"),
        ({"lease_until": NOW}, "sending_has_lease"),
        ({"state": "sending"}, "deliveries_"),
        ({"state": "delivered", "next_attempt_at": None}, "final_is_settled"),
        ({"state": "cancelled", "settled_at": NOW}, "waiting_has_instant"),
        ({"destination": b"short"}, "destination"),
        ({"severity_rank": 5}, "severity_rank"),
        ({"reason": "because"}, "reason"),
    ],
)
def test_a_delivery_that_contradicts_itself_is_refused(world, words, constraint):
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        delivery(world, world.route(), **words)


def test_a_second_live_delivery_of_one_incident_to_one_route_is_refused(world):
    route_id, incident_id = world.route(), incident(world, world.monitor())
    insert = "INSERT INTO delivery_incidents VALUES (%s, %s, %s, %s, %s)"
    world.rows(insert, delivery(world, route_id), incident_id, route_id, 1, True)
    world.rows(insert, delivery(world, world.route()), incident_id, world.route(), 1, True)
    with pytest.raises(psycopg.errors.UniqueViolation, match="delivery_incidents_one_live"):
        world.rows(insert, delivery(world, route_id), incident_id, route_id, 2, True)
    world.rows(insert, delivery(world, route_id), incident_id, route_id, 2, False)


def test_an_external_run_id_a_signal_key_and_a_timeline_number_are_taken_once(world):
    monitor_id, one, two = world.monitor(), world.clock.new_id(), world.clock.new_id()
    world.rows("INSERT INTO run_keys VALUES (%s, 'r', %s)", monitor_id, one)
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.rows("INSERT INTO run_keys VALUES (%s, 'r', %s)", monitor_id, two)
    world.rows("INSERT INTO signal_keys VALUES (%s, 's', %s, now())", monitor_id, one)
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.rows("INSERT INTO signal_keys VALUES (%s, 's', %s, now())", monitor_id, two)
    event = (
        "INSERT INTO incident_events (incident_id, number, event, at, actor) VALUES (%s, 1, 'opened', now(), 'rule')"
    )
    world.rows(event, one)
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.rows(event, one)


@pytest.mark.parametrize("length", [0, 201])
def test_an_external_run_id_has_1_to_200_characters(world, length):
    with pytest.raises(psycopg.errors.CheckViolation):
        world.rows("INSERT INTO run_keys VALUES (%s, %s, %s)", world.monitor(), "x" * length, world.clock.new_id())


def test_a_monitor_never_counts_failures_and_successes_at_once(world):
    with pytest.raises(psycopg.errors.CheckViolation, match="monitors_one_counter"):
        world.monitor(failures_in_row=1, successes_in_row=1)


def test_a_guarded_write_that_touched_other_rows_fails_in_the_statement_itself(world):
    assert world.one("SELECT luota_assert_rows('w', 2, 2)") == 2
    with pytest.raises(psycopg.Error) as refused:
        world.rows("SELECT luota_assert_rows('w', 2, 1)")
    assert refused.value.sqlstate == "LU001"
