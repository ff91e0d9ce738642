"""What is accepted: each endpoint's answer, keys in their published order, and its twin over gRPC."""

from __future__ import annotations

from typing import Any, Final

from tests.doors.case import Case

RUNNING: Final = (
    '{"id":"<id>","monitorId":"{run_monitor}","externalRunId":"job-42","state":"running","startedAt":"<at>"}'
)


def closed(state: str) -> str:
    """A run that has ended, as an answer shows it."""
    return (
        '{"id":"<id>","monitorId":"{run_monitor}","externalRunId":"job-42","state":"' + state + '",'
        '"startedAt":"<at>","finishedAt":"<at>","durationMs":<n>}'
    )


def incident(state: str) -> str:
    """The incident that a close opened, joined or resolved."""
    return '{"id":"<id>","kind":"failed","state":"' + state + '","url":"https://luota.example/incidents/<id>"}'


def run_answer(run: str, *, duplicate: bool = False, incident: str = "", notes: str = "") -> str:
    """A run's receipt over HTTP."""
    said = f'"run":{run},"duplicate":{str(duplicate).lower()},"requestId":"<req>"'
    said += f',"incident":{incident}' if incident else ""
    said += f',"notes":{notes}' if notes else ""
    return "{" + said + "}"


def run_reply(state: str, *, duplicate: bool = False, incident: str | None = None) -> dict[str, Any]:
    """A run's receipt over gRPC."""
    run = {"id": "<id>", "monitor_id": "{run_monitor}", "external_run_id": "job-42", "state": f"RUN_STATE_{state}"}
    shown = None
    if incident:
        url = "https://luota.example/incidents/<id>"
        shown = {"id": "<id>", "kind": "INCIDENT_KIND_FAILED", "state": f"INCIDENT_STATE_{incident}", "url": url}
    return {"run": run, "duplicate": duplicate or None, "request_id": "<req>", "incident": shown}


KEY: Final = {"monitor_id": "{run_monitor}", "external_run_id": "job-42"}
START_BODY: Final = '{"monitorId":"{run_monitor}","externalRunId":"job-42"}'
FINISH_BODY: Final = '{"monitorId":"{run_monitor}","externalRunId":"job-42","exitCode":%d}'
START: Final = {"http": "POST /v1/runs/start", "body": START_BODY, "rpc": "IngestService/StartRun"}
START_MESSAGE: Final = {"run_key": KEY}
SUCCESS: Final = {
    "http": "POST /v1/runs/{run}/success",
    "rpc": "IngestService/SucceedRun",
    "message": {"run_id": "{run}"},
}
FAIL: Final = {"http": "POST /v1/runs/{run}/fail", "rpc": "IngestService/FailRun", "message": {"run_id": "{run}"}}
FINISH: Final = {"http": "POST /v1/runs/finish", "rpc": "IngestService/FinishRun"}
PING: Final = {
    "http": "POST /v1/monitors/{heart_monitor}/ping",
    "rpc": "IngestService/Ping",
    "message": {"monitor_id": "{heart_monitor}"},
}
WS: Final = "{workspace_key}"
PING_ANSWER: Final = (
    '{"signal":{"id":"<id>","monitorId":"{heart_monitor}","receivedAt":"<at>"},"duplicate":false,"requestId":"<req>"}'
)
PING_REPLY: Final[dict[str, Any]] = {
    "signal": {"id": "<id>", "monitor_id": "{heart_monitor}"},
    "duplicate": None,
    "request_id": "<req>",
}
CLOSED_NOTE: Final = '[{"field":"externalRunId","note":"this run is closed; a re-run needs a new externalRunId"}]'
SIGNAL_ID: Final = "0190163d-8694-739b-aea5-966c26f8ad91"

CASES: Final = [
    Case(
        "start opens a run",
        **START,
        message=START_MESSAGE,
        token=WS,
        answer=run_answer(RUNNING),
        answer_headers={
            "ratelimit-policy": '"ingest.monitor_token.minute";q=60;w=60',
            "ratelimit": '"ingest.monitor_token.minute";r=59;t=<n>',
        },
        reply=run_reply("RUNNING"),
        signals=1,
    ),
    Case(
        "start by the monitor's own key",
        **START,
        message=START_MESSAGE,
        token="{run_key}",
        answer=run_answer(RUNNING),
        reply=run_reply("RUNNING"),
    ),
    Case(
        "start by slug",
        http="POST /v1/runs/start",
        body='{"monitorId":"nightly-import","externalRunId":"job-42"}',
        rpc="IngestService/StartRun",
        message={"run_key": {"monitor_id": "nightly-import", "external_run_id": "job-42"}},
        token=WS,
        answer=run_answer(RUNNING),
        reply=run_reply("RUNNING"),
    ),
    Case(
        "the same start again is the same run and leaves no second evidence",
        **START,
        message=START_MESSAGE,
        token=WS,
        before=("started",),
        answer=run_answer(RUNNING.replace("<id>", "{run}"), duplicate=True),
        reply=run_reply("RUNNING", duplicate=True),
        signals=1,
    ),
    Case(
        "a start of a closed run says how it ended and what a re-run needs",
        **START,
        message=START_MESSAGE,
        token=WS,
        before=("succeeded",),
        answer=run_answer(closed("succeeded"), duplicate=True, notes=CLOSED_NOTE),
        reply={
            **run_reply("SUCCEEDED", duplicate=True),
            "notes": [{"field": "externalRunId", "note": "this run is closed; a re-run needs a new externalRunId"}],
        },
        signals=2,
    ),
    Case(
        "success closes a run",
        **SUCCESS,
        token=WS,
        before=("started",),
        answer=run_answer(closed("succeeded")),
        reply=run_reply("SUCCEEDED"),
        signals=2,
    ),
    Case(
        "success by the job's own words",
        rpc="IngestService/SucceedRun",
        message={"run_key": KEY},
        token=WS,
        before=("started",),
        reply=run_reply("SUCCEEDED"),
    ),
    Case(
        "the same success again is a duplicate",
        **SUCCESS,
        token=WS,
        before=("succeeded",),
        answer=run_answer(closed("succeeded"), duplicate=True),
        reply=run_reply("SUCCEEDED", duplicate=True),
        signals=2,
    ),
    Case(
        "fail closes a run and opens its incident",
        **FAIL,
        body='{"summary":"boom","exitCode":1,"output":"traceback"}',
        token=WS,
        before=("started",),
        answer=run_answer(closed("failed"), incident=incident("open")),
        reply=run_reply("FAILED", incident="OPEN"),
        signals=2,
    ),
    Case(
        "the same failure again shows the run's own incident",
        **FAIL,
        token=WS,
        before=("failed",),
        answer=run_answer(closed("failed"), duplicate=True, incident=incident("open").replace("<id>", "{incident}")),
        reply=run_reply("FAILED", duplicate=True, incident="OPEN"),
        signals=2,
    ),
    Case(
        "plain text on fail becomes the output",
        http=FAIL["http"],
        body="tar: no space left",
        headers={"content-type": "text/plain; charset=utf-8"},
        token=WS,
        before=("started",),
        answer=run_answer(closed("failed"), incident=incident("open")),
    ),
    Case(
        "finish with 0 opens and closes",
        **FINISH,
        body=FINISH_BODY % 0,
        message={"run_key": KEY, "evidence": {"exit_code": 0}},
        token=WS,
        answer=run_answer(closed("succeeded")),
        reply=run_reply("SUCCEEDED"),
        signals=1,
    ),
    Case(
        "finish with 1 opens an incident",
        **FINISH,
        body=FINISH_BODY % 1,
        message={"run_key": KEY, "evidence": {"exit_code": 1}},
        token=WS,
        answer=run_answer(closed("failed"), incident=incident("open")),
        reply=run_reply("FAILED", incident="OPEN"),
    ),
    Case(
        "finish of another run with 0 resolves the incident",
        **FINISH,
        body='{"monitorId":"{run_monitor}","externalRunId":"job-43","exitCode":0}',
        message={
            "run_key": {"monitor_id": "{run_monitor}", "external_run_id": "job-43"},
            "evidence": {"exit_code": 0},
        },
        token=WS,
        before=("failed",),
        answer=run_answer(closed("succeeded").replace("job-42", "job-43"), incident=incident("resolved")),
        reply={"incident": {"state": "INCIDENT_STATE_RESOLVED", "id": "{incident}"}},
    ),
    Case(
        "progress is a sign of life",
        http="POST /v1/runs/{run}/progress",
        body='{"summary":"half way"}',
        rpc="IngestService/ReportProgress",
        message={"run_id": "{run}", "evidence": {"summary": "half way"}},
        token=WS,
        before=("started",),
        answer=run_answer(RUNNING),
        reply=run_reply("RUNNING"),
        signals=2,
    ),
    Case("a ping lands", **PING, token=WS, answer=PING_ANSWER, reply=PING_REPLY, signals=1),
    Case(
        "a ping by the monitor's own key and slug",
        http="POST /v1/monitors/worker-alive/ping",
        rpc="IngestService/Ping",
        message={"monitor_id": "worker-alive"},
        token="{heart_key}",
        answer=PING_ANSWER,
        reply=PING_REPLY,
    ),
    Case(
        "a heartbeat of a workspace",
        http="POST /v1/ingest/workspaces/{workspace}/heartbeat",
        body='{"monitorId":"{heart_monitor}"}',
        rpc="IngestService/Ping",
        message={"monitor_id": "{heart_monitor}", "workspace_id": "{workspace}"},
        token=WS,
        answer=PING_ANSWER,
        reply=PING_REPLY,
    ),
    Case(
        "the same ping by its signal id is a duplicate",
        http=PING["http"],
        body='{"signalId":"' + SIGNAL_ID + '"}',
        rpc="IngestService/Ping",
        message={"monitor_id": "{heart_monitor}", "signal_id": SIGNAL_ID},
        token=WS,
        before=("pinged",),
        answer=PING_ANSWER.replace("false", "true").replace("<id>", "{signal}"),
        reply={"signal": {"id": "{signal}"}, "duplicate": True},
        signals=1,
    ),
    Case(
        "the same ping by its idempotency key is a duplicate",
        **PING,
        headers={"idempotency-key": SIGNAL_ID},
        metadata={"idempotency-key": SIGNAL_ID},
        token=WS,
        before=("pinged",),
        answer=PING_ANSWER.replace("false", "true").replace("<id>", "{signal}"),
        reply={"signal": {"id": "{signal}"}, "duplicate": True},
        signals=1,
    ),
    Case(
        "a ping on a run monitor is a sign of life",
        http="POST /v1/monitors/{run_monitor}/ping",
        rpc="IngestService/Ping",
        message={"monitor_id": "{run_monitor}"},
        token=WS,
        answer=PING_ANSWER.replace("heart_monitor", "run_monitor"),
        reply={"signal": {"monitor_id": "{run_monitor}"}},
    ),
    Case(
        "the older header and the bearer say the same",
        **PING,
        headers={"x-watchflow-key": WS, "authorization": f"Bearer {WS}"},
        metadata={"x-watchflow-key": WS, "authorization": f"Bearer {WS}"},
        token=WS,
        answer=PING_ANSWER,
        reply=PING_REPLY,
    ),
    Case(
        "a secret in the output is noted, not kept",
        **FAIL | {"message": {"run_id": "{run}", "evidence": {"output": "password=hunter2hunter2"}}},
        body='{"output":"password=hunter2hunter2"}',
        token=WS,
        before=("started",),
        answer=run_answer(
            closed("failed"), incident=incident("open"), notes='[{"field":"output","note":"<text>","count":1}]'
        ),
        reply={"notes": [{"field": "output", "count": 1}]},
    ),
    Case(
        "an instant too far ahead is clamped and noted",
        **START | {"body": START_BODY[:-1] + ',"occurredAt":"9000-01-01T00:00:00Z"}'},
        message={"run_key": KEY, "evidence": {"occurred_at": "9000-01-01T00:00:00Z"}},
        token=WS,
        answer=run_answer(RUNNING, notes='[{"field":"occurredAt","note":"<text>"}]'),
        reply={"notes": [{"field": "occurredAt"}]},
    ),
    Case(
        "a batch answers each in its place",
        http="POST /v1/ingest/batch",
        body=(
            '{"signals":[{"type":"start","monitorId":"{run_monitor}","externalRunId":"job-42"},'
            '{"type":"ping","monitorId":"{heart_monitor}"},'
            '{"type":"success","runId":"{nobody}"},'
            '{"type":"ping","monitorId":"{strange_monitor}"},'
            '{"type":"fail","monitorId":"{run_monitor}","externalRunId":"job-42"},'
            '{"type":"success","monitorId":"{run_monitor}","externalRunId":"job-42"}]}'
        ),
        rpc="IngestService/BatchIngest",
        message={
            "signals": [
                {"start": {"run_key": KEY}},
                {"ping": {"monitor_id": "{heart_monitor}"}},
                {"success": {"run_id": "{nobody}"}},
                {"ping": {"monitor_id": "{strange_monitor}"}},
                {"fail": {"run_key": KEY}},
                {"success": {"run_key": KEY}},
            ]
        },
        token=WS,
        answer=(
            '{"results":['
            f'{{"status":202,"body":{run_answer(RUNNING)}}},'
            f'{{"status":202,"body":{PING_ANSWER}}},'
            '{"status":404,"body":{"code":"not_found","error":"Not found"}},'
            '{"status":401,"body":{"error":"Invalid ingest key"}},'
            f'{{"status":202,"body":{run_answer(closed("failed"), incident=incident("open"))}}},'
            '{"status":409,"body":{"code":"run_conflict","error":"Run already failed",'
            '"run":{"id":"<id>","state":"failed"}}}'
            '],"requestId":"<req>"}'
        ),
        reply={
            "results": [
                {"run": {"run": {"state": "RUN_STATE_RUNNING"}}},
                {"ping": {"signal": {"monitor_id": "{heart_monitor}"}}},
                {"error": {"code": 5, "message": "Not found"}},
                {"error": {"code": 16, "message": "Invalid ingest key"}},
                {"run": {"run": {"state": "RUN_STATE_FAILED"}}},
                {"error": {"code": 9, "message": "Run already failed"}},
            ]
        },
        signals=3,
    ),
]
