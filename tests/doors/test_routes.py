"""A route from door to door: made over one, changed over the other, tested, deleted; nothing shows a secret."""

from __future__ import annotations

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from tests.doors.conftest import Luota
from tests.doors.test_stories import as_operator, code_of, manage

from luota.v1 import alert_route_service_pb2 as rpc
from luota.v1 import alert_routes_pb2 as pb
from luota.v1 import incidents_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICE = "luota.v1.AlertRouteService"
TOKEN = "path-token-that-nobody-may-see"
URL = f"https://hooks.example.com/{TOKEN}"
SECRET = "signing-secret-of-the-door-tests"
ROUTES = "/v1/workspaces/{workspace}/routes"
WEBHOOK = {"name": "On call", "webhook": {"url": URL, "secret": SECRET}}


@pytest.fixture(autouse=True)
def _no_line_holds_a_secret(luota):
    yield
    for secret in (TOKEN, SECRET):
        assert secret.encode() not in luota.lines.data


async def grpc_route(luota: Luota, scene, rpc_name: str, request) -> pb.AlertRoute:
    return pb.AlertRoute.FromString(await luota.call(f"{SERVICE}/{rpc_name}", request, as_operator(scene)))


async def test_a_route_is_managed_alike_at_both_doors(luota: Luota) -> None:
    scene = luota.scene()
    body = {**WEBHOOK, "monitorIds": [scene.values["run_monitor"]], "minSeverity": "error"}
    made = await manage(luota, scene, "POST", ROUTES, body)
    assert list(made) == [
        "id",
        "workspaceId",
        "name",
        "kind",
        "monitorIds",
        "minSeverity",
        "webhook",
        "email",
        "slack",
        "pagerduty",
        "alertmanager",
        "apprise",
        "inbox",
        "fallback",
        "afterSeconds",
        "enabled",
        "state",
        "lastDeliveredAt",
        "lastFailedAt",
        "lastError",
        "createdAt",
        "updatedAt",
        "version",
    ]
    assert (made["kind"], made["state"], made["enabled"], made["fallback"]) == ("webhook", "unproven", True, False)
    assert made["webhook"] == {"url": "https://hooks.example.com/…-see", "secret": "***", "previousSecretUntil": None}
    assert (made["email"], made["lastDeliveredAt"], made["version"]) == (None, None, 1)

    read = await grpc_route(luota, scene, "GetAlertRoute", rpc.GetAlertRouteRequest(route_id=made["id"]))
    assert (read.kind, read.webhook.url) == (pb.ALERT_ROUTE_KIND_WEBHOOK, made["webhook"]["url"])
    assert read.min_severity == incidents_pb2.SEVERITY_ERROR

    # What was read is sent back whole, with one change.
    read.after_seconds = 300
    update = rpc.UpdateAlertRouteRequest(route_id=made["id"], route=read, update_mask=FieldMask(paths=["*"]))
    changed = await grpc_route(luota, scene, "UpdateAlertRoute", update)
    assert (changed.after_seconds, changed.version, changed.webhook) == (300, 2, read.webhook)
    assert await code_of(luota.call(f"{SERVICE}/UpdateAlertRoute", update, as_operator(scene))) == "FAILED_PRECONDITION"
    again = await manage(luota, scene, "PATCH", f"/v1/routes/{made['id']}", {**made, "afterSeconds": 0, "version": 2})
    assert (again["afterSeconds"], again["version"], again["state"]) == (0, 3, "unproven")

    listed = await manage(luota, scene, "GET", ROUTES)
    assert listed == {"routes": [again], "nextPageToken": ""}
    raw = await luota.call(
        f"{SERVICE}/ListAlertRoutes",
        rpc.ListAlertRoutesRequest(workspace_id=scene.values["workspace"]),
        as_operator(scene),
    )
    assert [route.id for route in rpc.ListAlertRoutesResponse.FromString(raw).routes] == [made["id"]]

    bearer = {"authorization": f"Bearer {scene.values['operator']}"}
    assert (await luota.ask("DELETE", f"/v1/routes/{made['id']}?version=2", **bearer)).status == 409
    assert (await luota.ask("DELETE", f"/v1/routes/{made['id']}?version=3", **bearer)).status == 204
    get = rpc.GetAlertRouteRequest(route_id=made["id"])
    assert await code_of(luota.call(f"{SERVICE}/GetAlertRoute", get, as_operator(scene))) == "NOT_FOUND"
    audit = await manage(luota, scene, "GET", "/v1/workspaces/{workspace}/audit")
    assert [entry["action"] for entry in audit["auditEntries"]][:4] == [
        "alert_route.delete",
        "alert_route.update",
        "alert_route.update",
        "alert_route.create",
    ]
    assert TOKEN not in str(audit)


async def test_a_secret_that_is_made_is_shown_once(luota: Luota) -> None:
    scene = luota.scene()
    asked = {"kind": "webhook", "name": "Signed", "webhook": {"url": URL, "secret": "generate"}}
    made = await manage(luota, scene, "POST", ROUTES, asked, idempotency_key="signed-1")
    assert made["webhook"]["secret"].startswith("whsec_")
    again = await manage(luota, scene, "POST", ROUTES, asked, idempotency_key="signed-1")
    assert (again["id"], again["webhook"]["secret"]) == (made["id"], "***")
    rotated = await manage(luota, scene, "POST", f"/v1/routes/{made['id']}:rotateSecret", {})
    assert rotated["webhook"]["secret"].startswith("whsec_")
    assert rotated["webhook"]["secret"] != made["webhook"]["secret"]
    assert rotated["webhook"]["previousSecretUntil"] > rotated["updatedAt"]
    read = await manage(luota, scene, "GET", f"/v1/routes/{made['id']}")
    assert read == {**rotated, "webhook": {**rotated["webhook"], "secret": "***"}}


async def test_a_test_alert_is_a_delivery_that_can_be_read(luota: Luota) -> None:
    scene = luota.scene()
    made = await manage(luota, scene, "POST", ROUTES, WEBHOOK)
    sent = await manage(luota, scene, "POST", f"/v1/routes/{made['id']}:test", {})
    assert list(sent) == ["deliveryId"]
    delivery = await manage(luota, scene, "GET", f"/v1/deliveries/{sent['deliveryId']}")
    assert (delivery["reason"], delivery["routeId"], delivery["incidentIds"]) == ("test", made["id"], [])
    await manage(luota, scene, "PATCH", f"/v1/routes/{made['id']}", {"enabled": False})
    raw = rpc.SendTestAlertRequest(route_id=made["id"])
    assert await code_of(luota.call(f"{SERVICE}/SendTestAlert", raw, as_operator(scene))) == "FAILED_PRECONDITION"
    bearer = {"authorization": f"Bearer {scene.values['operator']}"}
    answer = await luota.ask("POST", f"/v1/routes/{made['id']}:test", b"{}", **bearer)
    assert (answer.status, answer.json["error"]) == (409, "The alert route is disabled; enable it first")


async def test_what_is_wrong_is_told_all_at_once_and_shows_no_secret(luota: Luota) -> None:
    scene = luota.scene()
    bearer = {"authorization": f"Bearer {scene.values['operator']}"}
    body = scene.fill(
        '{"name":"","kind":"webhook","webhook":{"url":"http://user:'
        + SECRET
        + "@127.0.0.1/"
        + TOKEN
        + '#x","secret":"x"},'
        '"slack":{},"monitorIds":["{strange_monitor}"],"afterSeconds":-1}'
    ).encode()
    answer = await luota.ask("POST", scene.fill(ROUTES), body, **bearer)
    assert answer.status == 400
    fields = [problem["field"] for problem in answer.json["details"]]
    assert fields == ["name", "afterSeconds", "monitorIds", "slack", *["webhook.url"] * 4, "webhook.secret"]
    assert SECRET not in answer.body.decode()
    assert TOKEN not in answer.body.decode()
    assert "LUOTA_DELIVERY_ALLOWED_SUBNETS" in answer.body.decode()
    for kind, word in (("inbox", "luota-svc dev"), ("email", "LUOTA_SMTP_URL")):
        refused = await luota.ask("POST", scene.fill(ROUTES), f'{{"name":"x","kind":"{kind}"}}'.encode(), **bearer)
        assert word in refused.json["error"], refused.json
    bare = await luota.ask("POST", scene.fill(ROUTES), b'{"name":"x"}', **bearer)
    assert bare.json["error"].startswith("kind: is required: one of webhook, email")
    both = await luota.ask("POST", scene.fill(ROUTES), b'{"name":"x","webhook":{},"slack":{}}', **bearer)
    assert both.json["error"] == "kind: can't be told: a route has one target, and webhook and slack are given"


async def test_who_may_not_see_a_route_gets_what_an_unknown_one_gets(luota: Luota) -> None:
    scene = luota.scene()
    made = await manage(luota, scene, "POST", ROUTES, WEBHOOK)
    strange = {"authorization": f"Bearer {scene.values['strange_admin']}"}
    viewer = {"authorization": f"Bearer {scene.values['viewer']}"}
    for verb, path, body in (
        ("GET", "", b""),
        ("PATCH", "", b'{"name":"x"}'),
        ("DELETE", "", b""),
        ("POST", ":test", b"{}"),
        ("POST", ":rotateSecret", b"{}"),
    ):
        seen = await luota.ask(verb, f"/v1/routes/{made['id']}{path}", body, **strange)
        unknown = await luota.ask(verb, f"/v1/routes/{scene.values['nobody']}{path}", body, **strange)
        assert (seen.status, seen.json) == (unknown.status, unknown.json) == (404, seen.json)
        allowed = await luota.ask(verb, f"/v1/routes/{made['id']}{path}", body, **viewer)
        assert allowed.status == (200 if verb == "GET" else 403)
