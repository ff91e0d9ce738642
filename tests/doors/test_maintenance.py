"""A maintenance window from door to door: made over one, changed over the other, called off, and what it quiets."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.doors.conftest import WAIT, Luota
from tests.doors.test_stories import as_operator, code_of, manage

from luota.v1 import maintenance_pb2 as pb
from luota.v1 import maintenance_service_pb2 as rpc
from luota_svc.clock import RealClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICE = "luota.v1.MaintenanceService"
NIGHTLY = {
    "tags": {"db": "main"},
    "cron": "30 2 * * *",
    "timezone": "Europe/Helsinki",
    "durationSeconds": 3_600,
    "comment": "Nightly restarts",
}


async def test_a_window_is_managed_at_both_doors(luota: Luota) -> None:
    scene = luota.scene()
    made = await manage(
        luota, scene, "POST", "/v1/workspaces/{workspace}/maintenanceWindows", NIGHTLY, idempotency_key="window-1"
    )
    assert {name: made[name] for name in NIGHTLY} == NIGHTLY
    assert made["state"] in {"upcoming", "active"}
    assert made["nextStartsAt"].endswith(":30:00.000Z")
    assert made["version"] == 1
    again = await manage(
        luota, scene, "POST", "/v1/workspaces/{workspace}/maintenanceWindows", NIGHTLY, idempotency_key="window-1"
    )
    assert again["id"] == made["id"]

    request = rpc.UpdateMaintenanceWindowRequest(maintenance_window_id=made["id"])
    request.maintenance_window.comment, request.maintenance_window.version = "Restarts", 1
    request.update_mask.paths.append("comment")
    update = f"{SERVICE}/UpdateMaintenanceWindow"
    changed = pb.MaintenanceWindow.FromString(await luota.call(update, request, as_operator(scene)))
    assert (changed.comment, changed.version, changed.cron) == ("Restarts", 2, "30 2 * * *")
    assert await code_of(luota.call(update, request, as_operator(scene))) == "FAILED_PRECONDITION"

    once = {"cron": None, "durationSeconds": None, "startsAt": "2099-01-01T00:00:00Z", "endsAt": "2099-01-02T00:00:00Z"}
    path = f"/v1/maintenanceWindows/{made['id']}"
    turned = await manage(luota, scene, "PATCH", path, once)
    assert (turned["cron"], turned["durationSeconds"], turned["startsAt"], turned["nextEndsAt"]) == (
        None,
        None,
        "2099-01-01T00:00:00.000Z",
        "2099-01-02T00:00:00.000Z",
    )
    unchanged = await manage(luota, scene, "PATCH", path, turned)
    assert unchanged == turned

    gone = await manage(luota, scene, "DELETE", f"{path}?version=3")
    assert (gone["state"], gone["version"], bool(gone["cancelledAt"])) == ("cancelled", 4, True)
    read = pb.MaintenanceWindow.FromString(
        await luota.call(
            f"{SERVICE}/GetMaintenanceWindow",
            rpc.GetMaintenanceWindowRequest(maintenance_window_id=made["id"]),
            as_operator(scene),
        )
    )
    assert read.state == pb.MAINTENANCE_WINDOW_STATE_CANCELLED
    listed = await manage(luota, scene, "GET", "/v1/workspaces/{workspace}/maintenanceWindows")
    assert listed["maintenanceWindows"] == [gone]


async def test_a_failure_in_a_window_says_when_it_will_be_told_and_is_told_when_the_window_is_called_off(
    luota: Luota,
) -> None:
    scene = luota.scene()
    now = RealClock().now()
    window = {
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "comment": "Disks",
        "monitorIds": [scene.values["run_monitor"]],
    }
    made = await manage(luota, scene, "POST", "/v1/workspaces/{workspace}/maintenanceWindows", window)
    assert (made["state"], made["monitorIds"]) == ("active", window["monitorIds"])
    body = scene.fill('{"monitorId":"{run_monitor}","externalRunId":"quiet","exitCode":1}').encode()
    finished = await luota.ask("POST", "/v1/runs/finish", body, x_luota_key=scene.values["workspace_key"])
    incident = await manage(luota, scene, "GET", f"/v1/incidents/{finished.json['incident']['id']}")
    assert incident["alertState"] == "muted"
    assert incident["tellAt"] == made["nextEndsAt"]
    await manage(luota, scene, "DELETE", f"/v1/maintenanceWindows/{made['id']}")
    async with asyncio.timeout(WAIT):
        # The process's own sweep looks at it; nobody else does.
        while incident["muted"]:
            incident = await manage(luota, scene, "GET", f"/v1/incidents/{incident['id']}")
    assert (incident["tellAt"], incident["alertState"]) == (None, "no_route")
    events = (await manage(luota, scene, "GET", f"/v1/incidents/{incident['id']}/events"))["events"]
    assert [event["event"] for event in events] == ["opened", "quiet_ended"]
