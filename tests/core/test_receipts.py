"""What the ingest methods answer: receipts in messages, one a signal, refusals in their places."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from luota.v1 import ingest_service_pb2 as pb
from luota.v1.incidents_pb2 import INCIDENT_KIND_FAILED, INCIDENT_STATE_RESOLVED
from luota.v1.runs_pb2 import RUN_STATE_FAILED, RUN_STATE_RUNNING
from luota.v1.signals_pb2 import Evidence
from luota_svc.core.ingest import IngestCore
from luota_svc.model.call import Call, Door
from luota_svc.model.errors import (
    InvalidIngestKey,
    InvalidRequest,
    LuotaError,
    Missing,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    RunConflict,
)
from luota_svc.model.runs import Note, RunState, RunView
from luota_svc.model.signals import Accepted, IncidentView, Report, SignalType

NOW = datetime(2026, 5, 25, 12, tzinfo=UTC)
RUN, MONITOR, SIGNAL, INCIDENT = (UUID(int=n) for n in range(1, 5))
KEY = pb.RunKey(monitor_id=str(MONITOR), external_run_id="r")
VIEW = RunView(RUN, MONITOR, "r", RunState.FAILED, NOW, NOW, 0)


class Recorded:
    """The use case's answers, told beforehand; what it was asked is kept."""

    def __init__(self, *answers: Accepted | LuotaError) -> None:
        self.answers = list(answers)
        self.reports: list[Report | LuotaError] = []

    async def report(self, _: Call, report: Report) -> Accepted:
        self.reports.append(report)
        answer = self.answers.pop(0)
        if isinstance(answer, LuotaError):
            raise answer
        return answer

    async def report_many(self, _: Call, reports: list[Report | LuotaError]) -> list[Accepted | LuotaError]:
        self.reports += reports
        return [entry if isinstance(entry, LuotaError) else self.answers.pop(0) for entry in reports]


def call() -> Call:
    return Call(Door.GRPC, "test", "req-1", NOW, 1.0, "192.0.2.1")


def core(*answers: Accepted | LuotaError):
    recorded = Recorded(*answers)
    methods = IngestCore(recorded, public_url="https://luota.example/").methods()
    return recorded, {name.rsplit("/", 1)[1]: method for name, method in methods.items()}


ACCEPTED = Accepted(
    MONITOR,
    SIGNAL,
    NOW,
    duplicate=True,
    run=VIEW,
    incident=IncidentView(INCIDENT, "failed", "resolved"),
    notes=(Note("output", "truncated", original_bytes=9, kept_bytes=0), Note("summary", "redacted:jwt", count=2)),
)


async def test_a_runs_receipt_shows_run_incident_and_notes():
    _, methods = core(ACCEPTED)
    asked = call()
    receipt = await methods["FailRun"](asked, pb.FailRunRequest(run_id=str(RUN)))
    assert isinstance(receipt, pb.RunReceipt)
    assert (receipt.run.id, receipt.run.external_run_id, receipt.run.state) == (str(RUN), "r", RUN_STATE_FAILED)
    assert (receipt.run.HasField("duration_ms"), receipt.run.duration_ms) == (True, 0)
    assert (receipt.duplicate, receipt.request_id) == (True, "req-1")
    incident = receipt.incident
    assert (incident.kind, incident.state) == (INCIDENT_KIND_FAILED, INCIDENT_STATE_RESOLVED)
    assert incident.url == f"https://luota.example/incidents/{INCIDENT}"
    truncated, redacted = receipt.notes
    assert (truncated.original_bytes, truncated.kept_bytes, truncated.HasField("count")) == (9, 0, False)
    assert (redacted.count, redacted.HasField("kept_bytes")) == (2, False)
    assert asked.subject == {"monitor_id": str(MONITOR), "run_id": str(RUN), "incident_id": str(INCIDENT)}


async def test_a_running_run_has_no_end():
    running = RunView(RUN, MONITOR, "r", RunState.RUNNING, NOW)
    _, methods = core(Accepted(MONITOR, SIGNAL, NOW, duplicate=False, run=running))
    receipt = await methods["StartRun"](call(), pb.StartRunRequest(run_key=KEY))
    assert receipt.run.state == RUN_STATE_RUNNING
    assert not any(receipt.run.HasField(field) for field in ("finished_at", "duration_ms"))
    assert not receipt.HasField("incident")


async def test_a_pings_receipt_shows_the_signal():
    _, methods = core(Accepted(MONITOR, SIGNAL, NOW, duplicate=False))
    receipt = await methods["Ping"](call(), pb.PingRequest(monitor_id=str(MONITOR)))
    assert isinstance(receipt, pb.PingReceipt)
    assert (receipt.signal.id, receipt.signal.received_at.ToDatetime(UTC)) == (str(SIGNAL), NOW)


@pytest.mark.parametrize(
    ("method", "request_", "type_"),
    [
        ("StartRun", pb.StartRunRequest(run_key=KEY), SignalType.START),
        ("SucceedRun", pb.SucceedRunRequest(run_key=KEY), SignalType.SUCCESS),
        ("FailRun", pb.FailRunRequest(run_key=KEY), SignalType.FAIL),
        ("FinishRun", pb.FinishRunRequest(run_key=KEY, evidence=Evidence(exit_code=0)), SignalType.FINISH),
        ("ReportProgress", pb.ReportProgressRequest(run_key=KEY), SignalType.PROGRESS),
        ("Ping", pb.PingRequest(monitor_id=str(MONITOR)), SignalType.PING),
    ],
)
async def test_each_method_reports_its_own_type_of_signal(method, request_, type_):
    recorded, methods = core(ACCEPTED)
    await methods[method](call(), request_)
    assert [report.type for report in recorded.reports] == [type_]


async def test_a_batch_answers_each_signal_in_its_place():
    ping = Accepted(MONITOR, SIGNAL, NOW, duplicate=False)
    limited = RateLimited(policy="ingest.workspace.minute", limit=5, retry_after_seconds=7)
    recorded, methods = core(ACCEPTED, NotFound(Missing.RUN), ping, limited)
    start = pb.BatchSignal(start=pb.StartRunRequest(run_key=KEY))
    huge = pb.BatchSignal(ping=pb.PingRequest(monitor_id="m", evidence=Evidence(output="x" * 65_536)))
    request = pb.BatchIngestRequest(
        signals=[
            start,
            pb.BatchSignal(),
            pb.BatchSignal(fail=pb.FailRunRequest(run_id=str(RUN))),
            huge,
            pb.BatchSignal(ping=pb.PingRequest(monitor_id=str(MONITOR))),
            pb.BatchSignal(start=pb.StartRunRequest()),
            start,
        ]
    )
    response = await methods["BatchIngest"](call(), request)
    kinds = [result.WhichOneof("result") for result in response.results]
    assert kinds == ["run", "error", "error", "error", "ping", "error", "error"]
    # google.rpc.Code: invalid argument, not found, resource exhausted.
    codes = [result.error.code for result in response.results if result.WhichOneof("result") == "error"]
    assert codes == [3, 5, 8, 3, 8]
    assert response.request_id == "req-1"
    shown = [type(entry).__name__ for entry in recorded.reports]
    assert shown == ["Report", "InvalidRequest", "Report", "PayloadTooLarge", "Report", "InvalidRequest", "Report"]


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_has_one_to_a_hundred_signals(count):
    _, methods = core()
    with pytest.raises(InvalidRequest, match="must be 1 to 100 signals"):
        await methods["BatchIngest"](call(), pb.BatchIngestRequest(signals=[pb.BatchSignal()] * count))


async def test_a_batch_above_a_mebibyte_is_too_large_as_a_whole():
    _, methods = core()
    signal = pb.BatchSignal(ping=pb.PingRequest(monitor_id="m", evidence=Evidence(output="x" * 60_000)))
    with pytest.raises(PayloadTooLarge):
        await methods["BatchIngest"](call(), pb.BatchIngestRequest(signals=[signal] * 18))


@pytest.mark.parametrize(
    ("refusal", "named"),
    [
        (RateLimited(policy="p", limit=1, retry_after_seconds=1), {"monitor_id": str(MONITOR)}),
        (RunConflict(VIEW), {"monitor_id": str(MONITOR), "run_id": str(RUN)}),
        (InvalidIngestKey(), {}),
    ],
)
async def test_a_refusal_names_what_it_was_about_unless_the_key_failed(refusal, named):
    _, methods = core(refusal)
    asked = call()
    with pytest.raises(type(refusal)):
        await methods["StartRun"](asked, pb.StartRunRequest(run_key=KEY))
    assert asked.subject == named
