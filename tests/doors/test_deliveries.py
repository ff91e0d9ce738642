"""Deliveries are read and told again alike at both doors."""

from __future__ import annotations

import json

import pytest
from tests.doors.conftest import Luota
from tests.doors.test_stories import as_operator, code_of, manage

from luota.v1 import deliveries_pb2 as pb
from luota.v1 import delivery_service_pb2 as rpc
from luota_svc.clock import RealClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICE = "luota.v1.DeliveryService"


# Told after a day, so that nobody attempts it meanwhile.
ROUTE = """
    INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask, destination,
                              fallback, after_seconds, enabled, state, created_at, updated_at)
    VALUES (%s, %s, 'On call', 'inbox', '{}', 'info', '', '', sha256('nowhere'), false, 86400, true, 'unproven', now(),
            now())
"""
# An attempt failed, for good.
END = """
    WITH ended AS (
        UPDATE deliveries
        SET state = 'failed_terminal', settled_at = now(), next_attempt_at = NULL, last_error = 'gone',
            attempt_count = 1
        WHERE id = %(id)s
    ), freed AS (
        UPDATE delivery_incidents SET live = false WHERE delivery_id = %(id)s
    )
    INSERT INTO delivery_attempts (delivery_id, number, started_at, ended_at, duration_ms, outcome, http_status, reply,
                                   worker)
    VALUES (%(id)s, 1, now(), now(), 12, 'rejected', 410, 'no such hook', 'w')
"""


async def told(luota, scene):
    """Let a run fail that a route is to be told of; return the ids of incident and delivery."""
    luota.database.execute(ROUTE, (RealClock().new_id(), scene.values["workspace"]))
    body = {"monitorId": scene.values["run_monitor"], "externalRunId": "job-42", "exitCode": 3}
    key = scene.values["workspace_key"]
    answer = await luota.ask("POST", "/v1/runs/finish", json.dumps(body).encode(), x_luota_key=key)
    incident_id = answer.json["incident"]["id"]
    (row,) = luota.database.execute(
        "SELECT delivery_id FROM delivery_incidents WHERE incident_id = %s", (incident_id,)
    ).fetchall()
    return incident_id, str(row[0])


async def test_deliveries_are_read_and_replayed_at_both_doors(luota: Luota) -> None:
    scene = luota.scene()
    incident_id, delivery_id = await told(luota, scene)
    listed = await manage(luota, scene, "GET", f"/v1/incidents/{incident_id}/deliveries")
    (shown,) = listed["deliveries"]
    assert (shown["id"], shown["state"], shown["reason"]) == (delivery_id, "pending", "escalation")
    assert (shown["routeName"], shown["incidentIds"], shown["attempts"]) == ("On call", [incident_id], [])
    assert shown["nextAction"] == "No attempt has been made yet: watch the next attempt time."
    assert listed["nextPageToken"] == ""
    metadata = as_operator(scene)
    get = rpc.GetDeliveryRequest(delivery_id=delivery_id)
    over_grpc = pb.Delivery.FromString(await luota.call(f"{SERVICE}/GetDelivery", get, metadata))
    assert (over_grpc.state, over_grpc.id) == (pb.DELIVERY_STATE_PENDING, delivery_id)
    replay = rpc.ReplayDeliveryRequest(delivery_id=delivery_id)
    assert await code_of(luota.call(f"{SERVICE}/ReplayDelivery", replay, metadata)) == "FAILED_PRECONDITION"

    luota.database.execute(END, {"id": delivery_id})
    read = await manage(luota, scene, "GET", f"/v1/deliveries/{delivery_id}")
    assert (read["state"], read["error"], read["nextAttemptAt"]) == ("failed_terminal", "gone", None)
    assert read["nextAction"] == "Repair the destination and send a test alert before trusting the monitor."
    (attempt,) = read["attempts"]
    assert list(attempt) == [
        "number",
        "startedAt",
        "durationMs",
        "outcome",
        "httpStatus",
        "providerId",
        "error",
        "retryAfterSeconds",
        "late",
        "traceId",
        "reply",
        "resolvedAddress",
    ]
    assert (attempt["outcome"], attempt["httpStatus"], attempt["reply"]) == ("rejected", 410, "no such hook")
    path = f"/v1/deliveries/{delivery_id}"
    viewer = await luota.ask("GET", path, authorization=f"Bearer {scene.values['viewer']}")
    assert viewer.json["attempts"][0]["reply"] is None
    again = await manage(luota, scene, "POST", f"{path}:replay", {}, idempotency_key="replay-1")
    assert (again["replayOf"], again["reason"]) == (delivery_id, "escalation")
    same = await manage(luota, scene, "POST", f"{path}:replay", {}, idempotency_key="replay-1")
    assert same["id"] == again["id"]
    assert await code_of(luota.call(f"{SERVICE}/ReplayDelivery", replay, metadata)) == "FAILED_PRECONDITION"
    listed = await manage(luota, scene, "GET", f"/v1/incidents/{incident_id}/deliveries?pageSize=1")
    assert [one["id"] for one in listed["deliveries"]] == [again["id"]]
    page = f"/v1/incidents/{incident_id}/deliveries?pageSize=1&pageToken={listed['nextPageToken']}"
    assert [one["id"] for one in (await manage(luota, scene, "GET", page))["deliveries"]] == [delivery_id]


async def test_who_may_not_see_a_delivery_gets_what_an_unknown_one_gets(luota: Luota) -> None:
    scene = luota.scene()
    _, delivery_id = await told(luota, scene)
    strange = {"authorization": f"Bearer {scene.values['strange_admin']}"}
    for verb, path in (("GET", ""), ("POST", ":replay")):
        seen = await luota.ask(verb, f"/v1/deliveries/{delivery_id}{path}", **strange)
        unknown = await luota.ask(verb, f"/v1/deliveries/{scene.values['nobody']}{path}", **strange)
        assert (seen.status, seen.json) == (unknown.status, unknown.json)
        assert seen.status == 404
    viewer = {"authorization": f"Bearer {scene.values['viewer']}"}
    assert (await luota.ask("POST", f"/v1/deliveries/{delivery_id}:replay", **viewer)).status == 403
