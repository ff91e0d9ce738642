"""How schedules are asked about in JSON."""

from __future__ import annotations

from tests.http_api.conftest import MONITOR, RUN, Door


async def test_a_monitors_schedule_is_asked_for_by_a_query(door: Door) -> None:
    path = f"/v1/monitors/{MONITOR}:explainSchedule?from=2027-03-27T12:00:00%2B02:00&count=3&graceSeconds=60"
    assert (await door.ask("GET", path)).status == 200
    request = door.core.request
    assert (request.monitor_id, request.count, request.grace_seconds) == (MONITOR, 3, 60)
    assert getattr(request, "from").ToJsonString() == "2027-03-27T10:00:00Z"


async def test_settings_that_are_not_saved_are_asked_for_by_a_body(door: Door) -> None:
    body = {
        "kind": "heartbeat",
        "schedule": {"cron": "@daily"},
        "earlyToleranceSeconds": 0,
        "from": "2027-03-27T12:00:00Z",
    }
    assert (await door.ask("POST", f"/v1/workspaces/{RUN}/schedules:explain", body)).status == 200
    request = door.core.request
    assert (request.workspace_id, request.schedule.cron) == (RUN, "@daily")
    assert request.HasField("early_tolerance_seconds")
