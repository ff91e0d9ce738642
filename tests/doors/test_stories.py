"""What is done at one door is true at the other."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc.aio
import pytest
from tests.doors.conftest import WAIT, Luota
from tests.doors.scene import Scene

from luota.v1 import incident_service_pb2 as incidents
from luota.v1 import ingest_service_pb2 as ingest
from luota.v1 import monitor_service_pb2 as monitors
from luota.v1 import runs_pb2, support_service_pb2
from luota.v1 import workspace_service_pb2 as workspaces
from luota.v1.incidents_pb2 import Incident
from luota.v1.monitors_pb2 import Monitor
from luota.v1.workspaces_pb2 import IngestKey

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_monitor_made_over_http_is_reported_to_over_grpc_and_read_at_both(luota: Luota) -> None:
    scene = luota.scene()
    monitor = await manage(
        luota, scene, "POST", "/v1/workspaces/{workspace}/monitors", {"slug": "made", "name": "Made", "kind": "run"}
    )
    key = IngestKey.FromString(
        await luota.call(
            "luota.v1.WorkspaceService/CreateIngestKey",
            workspaces.CreateIngestKeyRequest(monitor_id=monitor["id"]),
            as_operator(scene),
        )
    )
    run_key = ingest.RunKey(monitor_id="made", external_run_id="first")
    shown = (("x-luota-key", key.token),)
    started = ingest.RunReceipt.FromString(
        await luota.call("luota.v1.IngestService/StartRun", ingest.StartRunRequest(run_key=run_key), shown)
    )
    closed = await luota.ask("POST", f"/v1/runs/{started.run.id}/fail", b'{"exitCode":3}', x_luota_key=key.token)
    assert closed.status == 202
    run = runs_pb2.Run.FromString(
        await luota.call(
            "luota.v1.MonitorService/GetRun", monitors.GetRunRequest(run_id=started.run.id), as_operator(scene)
        )
    )
    assert (run.state, run.exit_code) == (runs_pb2.RUN_STATE_FAILED, 3)
    read = await manage(luota, scene, "GET", f"/v1/runs/{started.run.id}")
    assert (read["state"], read["exitCode"], read["requestId"]) == ("failed", 3, started.request_id)
    opened = Incident.FromString(
        await luota.call(
            "luota.v1.IncidentService/GetIncident",
            incidents.GetIncidentRequest(incident_id=closed.json["incident"]["id"]),
            as_operator(scene),
        )
    )
    assert opened.request_id == closed.request_id


async def test_a_rotated_key_is_refused_at_both_doors_from_the_answer_on(luota: Luota) -> None:
    scene = luota.scene()
    old = scene.values["workspace_key"]
    assert await ping(luota, scene, old) == (202, "OK")
    rotated = await manage(luota, scene, "POST", f"/v1/keys/{old.split('.')[1]}:rotate", {})
    assert await ping(luota, scene, old) == (401, "UNAUTHENTICATED")
    assert await ping(luota, scene, rotated["token"]) == (202, "OK")


async def test_a_deleted_monitors_keys_are_refused_at_both_doors(luota: Luota) -> None:
    scene = luota.scene()
    assert await ping(luota, scene, scene.values["heart_key"]) == (202, "OK")
    request = monitors.DeleteMonitorRequest(monitor_id=scene.values["heart_monitor"])
    await luota.call("luota.v1.MonitorService/DeleteMonitor", request, as_operator(scene))
    assert await ping(luota, scene, scene.values["heart_key"]) == (401, "UNAUTHENTICATED")
    assert await ping(luota, scene, scene.values["workspace_key"]) == (401, "UNAUTHENTICATED")


async def test_a_monitor_that_has_been_heard_shows_its_last_signals_at_both_doors(luota: Luota) -> None:
    scene = luota.scene()
    token = scene.values["workspace_key"]
    pinged = await luota.ask("POST", scene.fill("/v1/monitors/{heart_monitor}/ping"), x_luota_key=token)
    body = scene.fill('{"monitorId":"{run_monitor}","externalRunId":"heard","exitCode":1}').encode()
    finished = await luota.ask("POST", "/v1/runs/finish", body, x_luota_key=token)
    heart = await manage(luota, scene, "GET", "/v1/monitors/{heart_monitor}")
    assert heart["lastSignal"]["requestId"] == heart["lastGoodSignal"]["requestId"] == pinged.request_id
    request = monitors.GetMonitorRequest(monitor_id=scene.values["run_monitor"])
    answer = await luota.call("luota.v1.MonitorService/GetMonitor", request, as_operator(scene))
    run = Monitor.FromString(answer)
    assert (run.last_signal.request_id, run.last_signal.run_id) == (finished.request_id, finished.json["run"]["id"])
    assert not run.HasField("last_good_signal")


async def test_success_against_fail_across_the_doors_has_one_winner(luota: Luota) -> None:
    for round_ in range(20):
        scene = luota.scene()
        token = scene.values["workspace_key"]
        key = ingest.RunKey(monitor_id=scene.values["run_monitor"], external_run_id=f"race-{round_}")
        started = ingest.RunReceipt.FromString(
            await luota.call(
                "luota.v1.IngestService/StartRun", ingest.StartRunRequest(run_key=key), (("x-luota-key", token),)
            )
        )
        http, code = await asyncio.gather(
            luota.ask("POST", f"/v1/runs/{started.run.id}/success", x_luota_key=token),
            code_of(
                luota.call(
                    "luota.v1.IngestService/FailRun",
                    ingest.FailRunRequest(run_id=started.run.id),
                    (("x-luota-key", token),),
                )
            ),
        )
        assert (http.status, code) in {(202, "FAILED_PRECONDITION"), (409, "OK")}


async def test_fifty_starts_of_one_run_at_both_doors_are_one_run_and_one_signal(luota: Luota) -> None:
    scene = luota.scene()
    token = scene.values["workspace_key"]
    body = scene.fill('{"monitorId":"{run_monitor}","externalRunId":"once"}').encode()
    key = ingest.RunKey(monitor_id=scene.values["run_monitor"], external_run_id="once")
    over_http = [luota.ask("POST", "/v1/runs/start", body, x_luota_key=token) for _ in range(25)]
    over_grpc = [
        luota.call("luota.v1.IngestService/StartRun", ingest.StartRunRequest(run_key=key), (("x-luota-key", token),))
        for _ in range(25)
    ]
    answers = await asyncio.gather(*over_http, *over_grpc)
    assert {answer.status for answer in answers[:25]} == {202}
    receipts = [ingest.RunReceipt.FromString(answer) for answer in answers[25:]]
    ids = {answer.json["run"]["id"] for answer in answers[:25]} | {receipt.run.id for receipt in receipts}
    first = [answer.json["duplicate"] for answer in answers[:25]].count(False)
    first += [receipt.duplicate for receipt in receipts].count(False)
    assert (len(ids), first) == (1, 1)
    counted = luota.database.execute(
        "SELECT count(*) FROM signals WHERE workspace_id = %s", (scene.values["workspace"],)
    ).fetchone()
    assert counted == (1,)


async def test_support_finds_a_request_of_either_door_by_our_id_and_by_the_callers(luota: Luota) -> None:
    scene = luota.scene()
    mine = f"caller-{scene.values['number']}-{scene.values['workspace']}"
    token = scene.values["workspace_key"]
    accepted = await luota.ask(
        "POST", scene.fill("/v1/monitors/{heart_monitor}/ping"), x_luota_key=token, x_request_id=mine
    )
    request = ingest.SucceedRunRequest(run_id=scene.values["nobody"])
    call = luota.call("luota.v1.IngestService/SucceedRun", request, (("x-luota-key", token), ("x-request-id", mine)))
    assert await code_of(call) == "NOT_FOUND"
    refused_id = dict(await call.trailing_metadata())["x-request-id"]
    async with asyncio.timeout(WAIT):
        # Records of refusals are written behind the answer.
        found: list[dict[str, Any]] = []
        while len(found) < 2:
            found = (await manage(luota, scene, "GET", f"/v1/requests/{mine}"))["requests"]
    assert {one["requestId"] for one in found} == {accepted.request_id, refused_id}
    request_by_id = support_service_pb2.FindRequestsRequest(request_id=refused_id)
    [over_grpc] = support_service_pb2.FindRequestsResponse.FromString(
        await luota.call("luota.v1.SupportService/FindRequests", request_by_id, as_operator(scene))
    ).requests
    assert (over_grpc.method, over_grpc.status) == ("luota.v1.IngestService/SucceedRun", "NOT_FOUND")


async def test_an_idempotency_key_makes_one_monitor_at_both_doors(luota: Luota) -> None:
    scene = luota.scene()
    body = {"slug": "once", "name": "Once", "kind": "heartbeat"}
    made = await manage(luota, scene, "POST", "/v1/workspaces/{workspace}/monitors", body, idempotency_key="make-1")
    again = await manage(luota, scene, "POST", "/v1/workspaces/{workspace}/monitors", body, idempotency_key="make-1")
    assert again["id"] == made["id"]
    request = monitors.CreateMonitorRequest(workspace_id=scene.values["workspace"])
    request.monitor.slug, request.monitor.name, request.monitor.kind = "once", "Once", "MONITOR_KIND_HEARTBEAT"
    over_grpc = await luota.call(
        "luota.v1.MonitorService/CreateMonitor", request, (*as_operator(scene), ("idempotency-key", "make-1"))
    )
    assert made["id"].encode() in over_grpc


def as_operator(scene: Scene) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {scene.values['admin']}"),)


async def manage(
    luota: Luota, scene: Scene, verb: str, path: str, body: dict[str, Any] | None = None, **headers: str
) -> Any:
    """Manage over HTTP as the scene's admin; return the answer's JSON."""
    raw = b"" if body is None else json.dumps(body).encode()
    bearer = f"Bearer {scene.values['admin']}"
    response = await luota.ask(verb, scene.fill(path), raw, authorization=bearer, **headers)
    assert response.status in {200, 201}, response.body
    return response.json


async def ping(luota: Luota, scene: Scene, token: str) -> tuple[int, str]:
    """Ping the heartbeat monitor at both doors."""
    http = await luota.ask("POST", scene.fill("/v1/monitors/{heart_monitor}/ping"), x_luota_key=token)
    request = ingest.PingRequest(monitor_id=scene.values["heart_monitor"])
    return http.status, await code_of(luota.call("luota.v1.IngestService/Ping", request, (("x-luota-key", token),)))


async def code_of(call: Any) -> str:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return str(error.code().name)
    return "OK"
