"""The management methods as JSON: paths, queries, bodies and masks in; whole messages out."""

from __future__ import annotations

import re

import pytest
from google.protobuf.empty_pb2 import Empty
from tests.http_api.conftest import MONITOR, RUN, Door

from luota.v1 import (
    incident_service_pb2,
    incidents_pb2,
    monitor_service_pb2,
    monitors_pb2,
    support_service_pb2,
    workspaces_pb2,
)
from luota.v1.signals_pb2 import Evidence, Signal
from luota_svc.http_api.bindings import bindings
from luota_svc.http_api.json_output import to_json
from luota_svc.model.errors import InvalidOperatorToken

WORKSPACE = "0190163d-8694-739b-aea5-966c26f8ad93"
MONITORS = f"/v1/workspaces/{WORKSPACE}/monitors"


@pytest.mark.parametrize("binding", list(bindings()), ids=lambda binding: f"{binding.verb} {binding.template}")
async def test_every_http_rule_reaches_its_method_with_its_path(door: Door, binding) -> None:
    path = re.sub(r"\{\w+\}", RUN, binding.template)
    answer = await door.ask(binding.verb, path, b"{}" if binding.body else b"")
    assert answer.status in {200, 201, 204}
    name, call, request = door.core.calls[-1]
    assert binding.rpc.endswith(f"/{name}")
    for field in binding.variables.values():
        assert getattr(request, field) == RUN
    assert call.method == f"{binding.verb} {binding.template}"


async def test_create_reads_the_resource_and_the_key_of_idempotency(door: Door) -> None:
    body = {
        "slug": "nightly",
        "kind": "HeartBeat",
        "severity": "SEVERITY_CRITICAL",
        "schedule": {"intervalSeconds": 60},
        "tags": {"a": "b"},
        "graceSeconds": 0,
        "owner": None,
        "pausedUntil": "2026-05-25T12:00:00+02:00",
    }
    answer = await door.ask("POST", MONITORS, body, idempotency_key="k-1")
    assert answer.status == 201
    request = door.core.request
    assert (request.workspace_id, request.idempotency_key) == (WORKSPACE, "k-1")
    monitor = request.monitor
    assert monitor.kind == monitors_pb2.MONITOR_KIND_HEARTBEAT
    assert monitor.severity == incidents_pb2.SEVERITY_CRITICAL
    assert monitor.schedule.interval_seconds == 60
    assert dict(monitor.tags) == {"a": "b"}
    assert monitor.HasField("grace_seconds")
    assert monitor.paused_until.seconds == 1_779_703_200


async def test_a_patch_masks_what_the_body_names(door: Door) -> None:
    body = {"name": "n", "graceSeconds": None, "schedule": {"cron": "@daily"}, "version": 3}
    assert (await door.ask("PATCH", f"/v1/monitors/{MONITOR}", body)).status == 200
    request = door.core.request
    assert list(request.update_mask.paths) == ["name", "grace_seconds", "schedule"]
    assert (request.monitor.version, request.monitor_id) == (3, MONITOR)
    assert not request.monitor.HasField("grace_seconds")


async def test_a_mask_that_is_spelled_out_goes_before_the_bodys_keys(door: Door) -> None:
    await door.ask("PATCH", f"/v1/monitors/{MONITOR}?updateMask=runbookUrl,schedule", {"name": "n"})
    assert list(door.core.request.update_mask.paths) == ["runbook_url", "schedule"]


async def test_queries_fill_what_path_and_body_leave(door: Door) -> None:
    path = (
        f"/v1/workspaces/{WORKSPACE}/incidents?state=Open&kind=failed&pageSize=5&pageToken=a%2Bb%3D&monitorId={MONITOR}"
    )
    assert (await door.ask("GET", path)).status == 200
    request = door.core.request
    assert request.state == incident_service_pb2.INCIDENT_STATE_FILTER_OPEN
    assert request.kind == incidents_pb2.INCIDENT_KIND_FAILED
    assert (request.page_size, request.page_token, request.monitor_id) == (5, "a+b=", MONITOR)


@pytest.mark.parametrize(
    ("query", "field", "problem"),
    [
        ("pagesize=5", "pagesize", "is not known here"),
        ("workspaceId=x", "workspaceId", "is not known here"),
        ("pageSize=x", "pageSize", "must be an integer"),
        ("pageSize=99999999999", "pageSize", "must lie between -2147483648 and 2147483647"),
        ("pageSize=" + "9" * 5_000, "pageSize", "must be an integer"),
        ("pageSize=1&pageSize=2", "pageSize", "must be given once"),
        ("state=shut", "state", "must be one of open, acknowledged, resolved, unresolved"),
        ("state=unspecified", "state", "must be one of open, acknowledged, resolved, unresolved"),
        ("pageToken=%00", "pageToken", "must not contain U+0000"),
        ("pageToken=%FF", "", "The query cannot be read"),
        ("&".join(f"a{i}=1" for i in range(65)), "", "The query cannot be read"),
    ],
)
async def test_a_query_that_does_not_fit_is_told(door: Door, query: str, field: str, problem: str) -> None:
    answer = await door.ask("GET", f"/v1/workspaces/{WORKSPACE}/incidents?{query}")
    assert (answer.status, answer.json["details"][0]) == (400, {"field": field, "problem": problem})


async def test_a_body_that_does_not_fit_is_told_with_every_problem(door: Door) -> None:
    body = {
        "slugg": "x",
        "name": 1,
        "kind": "dance",
        "graceSeconds": 1.5,
        "timeoutSeconds": 2**31,
        "schedule": {"cron": [], "every": 1},
        "tags": {"a": 1},
        "pausedUntil": "tomorrow",
        "mutedUntil": "0001-01-01T00:00:00+14:00",
        "lastSignal": "x",
        "failureThreshold": True,
    }
    answer = await door.ask("POST", MONITORS, body)
    assert answer.status == 400
    assert [(detail["field"], detail["problem"]) for detail in answer.json["details"]] == [
        ("slugg", "is not known here"),
        ("name", "must be a string"),
        ("kind", "must be one of heartbeat, run, freshness"),
        ("graceSeconds", "must be an integer"),
        ("timeoutSeconds", "must lie between -2147483648 and 2147483647"),
        ("schedule.cron", "must be a string"),
        ("schedule.every", "is not known here"),
        ("tags.a", "must be a string"),
        ("pausedUntil", "must be an RFC 3339 instant with a time zone, such as 2026-05-25T12:00:00Z"),
        ("mutedUntil", "must lie between the years 1 and 9999"),
        ("lastSignal", "must be an object"),
        ("failureThreshold", "must be an integer"),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[]", 400), (b"{", 400), (b'{"name":"\\u0000"}', 400), (b"[" * 65_000, 400), (b" " * 65_537, 413)],
)
async def test_a_body_that_is_no_object_is_refused(door: Door, body: bytes, status: int) -> None:
    assert (await door.ask("POST", MONITORS, body)).status == status


async def test_other_content_types_are_refused(door: Door) -> None:
    assert (await door.ask("POST", MONITORS, b"x", content_type="text/plain")).status == 415
    assert (await door.ask("POST", MONITORS, b"{}", content_type="application/x-www-form-urlencoded")).status == 201


async def test_an_operators_token_is_refused_in_other_words_than_a_jobs(door: Door) -> None:
    door.core.fail_with(InvalidOperatorToken())
    answer = await door.ask("GET", f"/v1/monitors/{MONITOR}", authorization="Bearer wfop1.x")
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")


async def test_a_delete_answers_with_nothing(door: Door) -> None:
    door.core.scripts["DeleteMonitor"] = lambda _call, _request: Empty()
    answer = await door.ask("DELETE", f"/v1/monitors/{MONITOR}")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.request_id


@pytest.mark.parametrize(
    "path", [f"/v1/monitors/{MONITOR}:dance", "/v1/monitors/:pause", "/v1/monitors/a/b", "/v1/keys/x"]
)
async def test_an_unknown_verb_is_no_path(door: Door, path: str) -> None:
    assert (await door.ask("POST", path, b"{}")).status == 404


async def test_a_callers_request_id_may_hold_a_colon(door: Door) -> None:
    await door.ask("GET", "/v1/requests/build:42:1")
    assert door.core.request.request_id == "build:42:1"
    assert (await door.ask("GET", "/v1/requests/a%00b")).status == 404


async def test_a_list_answers_its_plural_and_its_token(door: Door) -> None:
    monitors = monitor_service_pb2.ListMonitorsResponse(
        monitors=[monitors_pb2.Monitor(id=MONITOR)], next_page_token="t"
    )
    door.core.scripts["ListMonitors"] = lambda _call, _request: monitors
    answer = await door.ask("GET", MONITORS)
    assert list(answer.json) == ["monitors", "nextPageToken"]
    assert answer.json["monitors"][0]["id"] == MONITOR


def test_a_message_shows_all_its_fields_in_order_and_null_for_what_is_unset() -> None:
    shown = to_json(workspaces_pb2.Workspace(id="w", version=2**53))
    assert shown == {
        "id": "w",
        "slug": "",
        "name": "",
        "limits": None,
        "createdAt": None,
        "updatedAt": None,
        "version": 2**53,
    }
    assert list(shown) == ["id", "slug", "name", "limits", "createdAt", "updatedAt", "version"]


def test_a_token_is_shown_only_where_it_was_made() -> None:
    assert "token" not in to_json(workspaces_pb2.IngestKey(id="k"))
    assert to_json(workspaces_pb2.IngestKey(id="k", token="t"))["token"] == "t"


def test_a_payload_is_embedded_as_it_was_written() -> None:
    shown = to_json(Signal(evidence=Evidence(payload=b'{"n": 1.10}', exit_code=0)))
    assert bytes(shown["evidence"]["payload"]) == b'{"n": 1.10}'
    assert shown["evidence"]["exitCode"] == 0
    assert shown["evidence"]["summary"] is None
    assert shown["type"] is None


def test_an_audits_numbers_are_whole_where_they_were() -> None:
    entry = support_service_pb2.AuditEntry()
    entry.before.update({"a": 1, "b": [1.5, None, {"c": True}]})
    shown = to_json(entry)
    assert repr(shown["before"]) == "{'a': 1, 'b': [1.5, None, {'c': True}]}"
    assert shown["after"] is None
