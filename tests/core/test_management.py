"""Every management method from message to message, on real servers."""

from datetime import timedelta
from uuid import UUID

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.management import Caller

from luota.v1 import (
    incident_service_pb2,
    incidents_pb2,
    monitor_service_pb2,
    monitors_pb2,
    support_service_pb2,
    workspace_service_pb2,
    workspaces_pb2,
)
from luota_svc.core.convert import timestamp
from luota_svc.core.local import LocalCore
from luota_svc.grpc_api.methods import INGEST_SERVICE, contract_services
from luota_svc.model.errors import InvalidOperatorToken, InvalidRequest, NotFound
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.rules.ingest_key import parse_token
from luota_svc.telemetry.tracing_setup import build_tracing
from luota_svc.usecases.watching import Watching


def core_of(installation, *, tracing=None, ingest=()) -> LocalCore:
    watching = Watching(installation)
    return LocalCore(installation, ingest=dict(ingest), watching=watching, tracing=tracing or build_tracing({}))


@pytest.fixture
def ask(installation):
    """Call one method by its short name."""
    methods = core_of(installation).methods
    by_name = {name.rpartition("/")[2]: method for name, method in methods.items()}

    async def ask(caller: Caller, name: str, request: Message, **words):
        return await by_name[name](caller.call(**words), request)

    return ask


def create_monitor(house, *, idempotency_key="", **fields):
    monitor = monitors_pb2.Monitor(**{"slug": "backup", "kind": "MONITOR_KIND_RUN", **fields})
    return monitor_service_pb2.CreateMonitorRequest(
        workspace_id=str(house.ours), monitor=monitor, idempotency_key=idempotency_key
    )


def test_every_method_of_the_contract_but_ingest_is_carried_out(installation):
    described = {
        f"{service.full_name}/{method.name}"
        for service in contract_services()
        if service.full_name != INGEST_SERVICE
        for method in service.methods
    }
    core = core_of(installation)
    assert {*core.methods, *core.streams} == described
    assert set(core.streams) == {"luota.v1.IncidentService/WatchIncidents"}


async def test_methods_of_ingest_stand_beside_those_of_management_under_a_span_of_the_use_case(installation):
    seen = []

    async def ping(call, request):
        seen.append(call.traceparent)
        return request

    exporter = InMemorySpanExporter()
    tracing = build_tracing({"OTEL_TRACES_SAMPLER_ARG": "1"}, exporter=exporter)
    core = core_of(installation, tracing=tracing, ingest={"luota.v1.IngestService/Ping": ping})
    call = Caller(installation, "").call()
    door = tracing.rpc_span(method="luota.v1.IngestService/Ping", traceparent=None, request_id="req-1")
    call.traceparent = door.traceparent
    request = Empty()

    assert await core.methods["luota.v1.IngestService/Ping"](call, request) is request

    door.end_rpc(status="OK")
    tracing.shutdown()
    by_name = {span.name: span for span in exporter.get_finished_spans()}
    assert by_name["luota.ingest"].parent.span_id == by_name["luota.v1.IngestService/Ping"].context.span_id
    assert f"{by_name['luota.ingest'].context.span_id:016x}" in seen[0]


async def test_no_method_answers_without_an_operators_token(installation):
    methods = core_of(installation).methods
    stranger = Caller(installation, "")
    for service in contract_services():
        for method in service.methods:
            name = f"{service.full_name}/{method.name}"
            if name not in methods:
                continue
            request = GetMessageClass(method.input_type)()
            if "workspace_id" in method.input_type.fields_by_name:
                request.workspace_id = "not an id"
            with pytest.raises((InvalidOperatorToken, InvalidRequest)):
                await methods[name](stranger.call(), request)


async def test_a_workspace_is_made_read_changed_and_listed(ask, house):
    wanted = workspaces_pb2.Workspace(
        name="Über Ops (EU)", limits=workspaces_pb2.IngestLimits(monitor_token_minute=5, workspace_minute=0)
    )
    made = await ask(house.root, "CreateWorkspace", workspace_service_pb2.CreateWorkspaceRequest(workspace=wanted))
    assert (made.slug, made.name, made.version) == ("ber-ops-eu", "Über Ops (EU)", 1)
    assert made.limits.HasField("workspace_minute")
    assert not made.limits.HasField("monitor_token_hour")
    change = workspace_service_pb2.UpdateWorkspaceRequest(
        workspace_id=made.id,
        workspace=workspaces_pb2.Workspace(name="Ops", slug="ignored"),
        update_mask=FieldMask(paths=["name", "limits.monitor_token_minute", "version"]),
    )
    changed = await ask(house.root, "UpdateWorkspace", change)
    assert (changed.name, changed.slug, changed.version) == ("Ops", "ber-ops-eu", 2)
    assert not changed.limits.HasField("monitor_token_minute")
    assert changed.limits.workspace_minute == 0
    read = await ask(house.root, "GetWorkspace", workspace_service_pb2.GetWorkspaceRequest(workspace_id=made.id))
    assert read == changed
    seen, token = [], ""
    while True:
        request = workspace_service_pb2.ListWorkspacesRequest(page_size=1, page_token=token)
        page = await ask(house.root, "ListWorkspaces", request)
        seen += [workspace.slug for workspace in page.workspaces]
        token = page.next_page_token
        if not token:
            break
    assert seen == ["ber-ops-eu", "ours", "theirs"]


async def test_a_monitor_says_its_defaults_and_keeps_what_was_set(ask, house):
    made = await ask(house.olga, "CreateMonitor", create_monitor(house, owner="ops", max_duration_seconds=60))
    assert (made.name, made.owner, made.max_duration_seconds) == ("backup", "ops", 60)
    assert (made.grace_seconds, made.failure_threshold, made.recovery_threshold) == (300, 1, 1)
    assert made.severity == incidents_pb2.SEVERITY_ERROR
    assert made.state == monitors_pb2.MONITOR_STATE_NEW
    assert made.schedule.timezone == "UTC"
    assert made.workspace_id == str(house.ours)
    for unset in ("early_tolerance_seconds", "min_duration_seconds", "paused_until", "last_signal"):
        assert not made.HasField(unset)
    read = await ask(house.bob, "GetMonitor", monitor_service_pb2.GetMonitorRequest(monitor_id=made.id.upper()))
    assert read == made


async def test_what_was_read_can_be_sent_back_whole(ask, house):
    made = await ask(house.olga, "CreateMonitor", create_monitor(house, tags={"a": "b"}))
    every_field = [field.name for field in made.DESCRIPTOR.fields]
    same = monitor_service_pb2.UpdateMonitorRequest(
        monitor_id=made.id, monitor=made, update_mask=FieldMask(paths=every_field)
    )
    assert await ask(house.olga, "UpdateMonitor", same) == made


async def test_a_schedule_is_replaced_whole_and_an_unset_number_is_its_default_again(ask, house):
    schedule = monitors_pb2.Schedule(cron="0 2 * * *", timezone="Europe/Helsinki")
    made = await ask(house.olga, "CreateMonitor", create_monitor(house, schedule=schedule, grace_seconds=5))
    change = monitor_service_pb2.UpdateMonitorRequest(
        monitor_id=made.id,
        monitor=monitors_pb2.Monitor(schedule=monitors_pb2.Schedule(interval_seconds=60)),
        update_mask=FieldMask(paths=["schedule", "grace_seconds"]),
    )
    changed = await ask(house.olga, "UpdateMonitor", change)
    assert MessageToDict(changed.schedule) == {"timezone": "UTC", "intervalSeconds": 60}
    assert changed.grace_seconds == 300


async def test_an_unknown_field_of_a_mask_and_a_missing_kind_are_named(ask, house):
    made = await ask(house.olga, "CreateMonitor", create_monitor(house))
    change = monitor_service_pb2.UpdateMonitorRequest(monitor_id=made.id, update_mask=FieldMask(paths=["grace"]))
    with pytest.raises(InvalidRequest, match="grace: is no field"):
        await ask(house.olga, "UpdateMonitor", change)
    wrong = create_monitor(house, slug="X", kind=0, grace_seconds=-1, max_age_seconds=60)
    with pytest.raises(InvalidRequest, match="kind: is required") as refused:
        await ask(house.olga, "CreateMonitor", wrong)
    assert [problem.field for problem in refused.value.problems] == ["kind", "slug", "graceSeconds"]


async def test_a_monitor_is_paused_muted_and_deleted(ask, house, installation):
    made = await ask(house.olga, "CreateMonitor", create_monitor(house))
    until = timestamp(installation.clock.now() + timedelta(hours=1))
    rpc = monitor_service_pb2
    paused = await ask(house.olga, "PauseMonitor", rpc.PauseMonitorRequest(monitor_id=made.id, until=until))
    assert (paused.state, paused.paused_until) == (monitors_pb2.MONITOR_STATE_PAUSED, until)
    resumed = await ask(house.olga, "ResumeMonitor", rpc.ResumeMonitorRequest(monitor_id=made.id))
    assert not resumed.HasField("paused_until")
    muted = await ask(house.olga, "MuteMonitor", rpc.MuteMonitorRequest(monitor_id=made.id, until=until))
    assert muted.muted_until == until
    unmuted = await ask(house.olga, "UnmuteMonitor", rpc.UnmuteMonitorRequest(monitor_id=made.id))
    assert not unmuted.HasField("muted_until")
    assert await ask(house.olga, "DeleteMonitor", rpc.DeleteMonitorRequest(monitor_id=made.id)) == Empty()
    with pytest.raises(NotFound):
        await ask(house.olga, "GetMonitor", rpc.GetMonitorRequest(monitor_id=made.id))
    listed = await ask(house.olga, "ListMonitors", rpc.ListMonitorsRequest(workspace_id=str(house.ours)))
    assert list(listed.monitors) == []


async def test_a_repeated_create_answers_the_first_and_another_request_under_its_key_is_refused(ask, house):
    first = await ask(house.olga, "CreateMonitor", create_monitor(house, idempotency_key="k"))
    assert await ask(house.olga, "CreateMonitor", create_monitor(house, idempotency_key="k")) == first
    # The door may have found the key beside the request.
    assert await ask(house.olga, "CreateMonitor", create_monitor(house), idempotency_key="k") == first
    with pytest.raises(Exception, match="used for another request"):
        await ask(house.olga, "CreateMonitor", create_monitor(house, slug="other", idempotency_key="k"))
    with pytest.raises(InvalidRequest, match="idempotencyKey: must be at most 200"):
        await ask(house.olga, "CreateMonitor", create_monitor(house, idempotency_key="k" * 201))


async def test_a_keys_token_is_in_the_answers_that_made_it_only(ask, house):
    rpc = workspace_service_pb2
    made = await ask(house.alice, "CreateIngestKey", rpc.CreateIngestKeyRequest(workspace_id=str(house.ours)))
    assert str(parse_token(made.token).key_id) == made.id
    rotated = await ask(house.alice, "RotateIngestKey", rpc.RotateIngestKeyRequest(key_id=made.id, overlap_seconds=60))
    assert (rotated.replaces_id, bool(rotated.token)) == (made.id, True)
    revoked = await ask(house.alice, "RevokeIngestKey", rpc.RevokeIngestKeyRequest(key_id=rotated.id))
    assert (revoked.HasField("revoked_at"), revoked.HasField("token")) == (True, False)
    listed = await ask(house.alice, "ListIngestKeys", rpc.ListIngestKeysRequest(workspace_id=str(house.ours)))
    assert {key.id for key in listed.keys} == {made.id, rotated.id}
    assert not any(key.HasField("token") for key in listed.keys)


@pytest.mark.parametrize("scope", [{}, {"workspace_id": "a", "monitor_id": "b"}])
async def test_a_key_is_for_exactly_one_thing(ask, house, scope):
    with pytest.raises(InvalidRequest, match="Name either a workspace or a monitor"):
        await ask(house.alice, "CreateIngestKey", workspace_service_pb2.CreateIngestKeyRequest(**scope))


async def test_an_operators_token_is_made_listed_and_revoked(ask, house):
    rpc = workspace_service_pb2
    wanted = workspaces_pb2.OperatorToken(name="ci", role="ROLE_VIEWER", workspace_id=str(house.ours))
    made = await ask(house.alice, "CreateOperatorToken", rpc.CreateOperatorTokenRequest(operator_token=wanted))
    assert (made.name, made.role, made.workspace_id) == ("ci", workspaces_pb2.ROLE_VIEWER, str(house.ours))
    assert made.token.startswith(f"wfop1.{made.id}.")
    listed = await ask(house.alice, "ListOperatorTokens", rpc.ListOperatorTokensRequest())
    assert made.id in {token.id for token in listed.operator_tokens}
    assert not any(token.HasField("token") for token in listed.operator_tokens)
    revoked = await ask(house.alice, "RevokeOperatorToken", rpc.RevokeOperatorTokenRequest(operator_token_id=made.id))
    assert revoked.HasField("revoked_at")
    for wrong in (workspaces_pb2.OperatorToken(name="ci"), workspaces_pb2.OperatorToken(name="ci", role=9)):
        with pytest.raises(InvalidRequest, match="role: must be viewer, operator or admin"):
            await ask(house.alice, "CreateOperatorToken", rpc.CreateOperatorTokenRequest(operator_token=wrong))
    foreign = workspaces_pb2.OperatorToken(name="ci", role="ROLE_VIEWER", workspace_id="nonsense")
    with pytest.raises(InvalidRequest, match="workspaceId: must be a UUID"):
        await ask(house.alice, "CreateOperatorToken", rpc.CreateOperatorTokenRequest(operator_token=foreign))


async def test_a_failure_is_followed_from_its_request_to_its_incidents_end(ask, house, installation, ingest):
    monitor = await ask(house.olga, "CreateMonitor", create_monitor(house))
    key = await ask(house.alice, "CreateIngestKey", workspace_service_pb2.CreateIngestKeyRequest(monitor_id=monitor.id))
    job = Caller(installation, key.token).call(caller_request_id="job-run-0001")
    evidence = Evidence(exit_code=2, payload='{"rows":1152921504606846976}')
    report = Report(SignalType.FINISH, evidence, monitor_id=UUID(monitor.id), external_run_id="job-42")
    accepted = await ingest.report(job, report)

    found = await ask(house.bob, "FindRequests", support_service_pb2.FindRequestsRequest(request_id="job-run-0001"))
    (record,) = found.requests
    assert (record.request_id, record.method, record.status) == (job.request_id, "POST /v1/runs/finish", "202")
    assert not record.HasField("duration_ms")

    run = await ask(house.bob, "GetRun", monitor_service_pb2.GetRunRequest(run_id=record.run_id))
    assert (run.external_run_id, run.exit_code, run.request_id) == ("job-42", 2, job.request_id)
    runs = await ask(house.bob, "ListRuns", monitor_service_pb2.ListRunsRequest(monitor_id=monitor.id, state=3))
    assert list(runs.runs) == [run]
    signals = await ask(house.bob, "ListSignals", monitor_service_pb2.ListSignalsRequest(monitor_id=monitor.id))
    assert signals.signals[0].id == record.signal_id
    assert signals.signals[0].evidence.payload == b'{"rows":1152921504606846976}'

    read = incident_service_pb2.GetIncidentRequest(incident_id=record.incident_id)
    incident = await ask(house.bob, "GetIncident", read)
    assert incident.id == str(accepted.incident.id)
    assert incident.url == f"https://luota.example/incidents/{incident.id}"
    assert (incident.root_run_id, incident.occurrence_count, incident.version) == (run.id, 1, 1)
    assert incident.alert_state == incidents_pb2.ALERT_STATE_NO_ROUTE
    state = (await ask(house.bob, "GetMonitor", monitor_service_pb2.GetMonitorRequest(monitor_id=monitor.id))).state
    assert state == monitors_pb2.MONITOR_STATE_FAILING

    installation.clock.advance(1)
    resolve = incident_service_pb2.ResolveIncidentRequest(incident_id=incident.id, note="by hand", version=1)
    resolved = await ask(house.olga, "ResolveIncident", resolve)
    assert (resolved.state, resolved.resolution) == (incidents_pb2.INCIDENT_STATE_RESOLVED, "by_hand")
    listed = await ask(
        house.bob,
        "ListIncidents",
        incident_service_pb2.ListIncidentsRequest(workspace_id=str(house.ours), state=3, kind=1, monitor_id=monitor.id),
    )
    assert list(listed.incidents) == [resolved]
    audit = await ask(
        house.alice, "ListAuditEntries", support_service_pb2.ListAuditEntriesRequest(workspace_id=str(house.ours))
    )
    last = audit.audit_entries[0]
    assert (last.action, last.target_type, last.target_id) == ("incident.resolve", "incident", incident.id)
    assert (last.before["state"], last.after["state"]) == ("open", "resolved")
