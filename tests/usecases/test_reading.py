"""Reading runs and signals, and finding requests: in order, in parts, and only what one may see."""

import asyncio

import pytest
from tests.management import Caller

from luota_svc.model.errors import NotFound, PermissionDenied
from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.pages import Ask
from luota_svc.model.requests import RequestRecord
from luota_svc.model.runs import RunState
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.store.database import Database
from luota_svc.usecases.audit import list_audit_entries
from luota_svc.usecases.keys import Scope, create_key
from luota_svc.usecases.monitors import create_monitor
from luota_svc.usecases.requests import RequestRecorder, find_requests
from luota_svc.usecases.runs import get_run, list_runs
from luota_svc.usecases.signals import list_signals


@pytest.fixture
async def monitor(installation, house):
    settings = MonitorSettings("backup", "Backup", MonitorKind.RUN)
    return await create_monitor(installation, house.olga.call(), house.ours, settings, None)


@pytest.fixture
async def report(installation, house, monitor, ingest):
    """Report one signal of a run of the monitor."""
    scope = Scope(monitor_id=monitor.id)
    made = await create_key(installation, house.alice.call(), scope, name="", expires_at=None, once=None)

    async def report(type_, external_run_id, *, evidence=None, call=None):
        call = call or Caller(installation, made.token).call()
        call.credentials = (made.token,)
        words = Report(type_, evidence or Evidence(), monitor_id=monitor.id, external_run_id=external_run_id)
        return await ingest.report(call, words)

    return report


async def every(lister, *arguments, size, **filters):
    seen, ask = [], Ask(size)
    while True:
        page = await lister(*arguments, ask, **filters)
        assert len(page.items) <= size
        seen += page.items
        if page.next is None:
            return seen
        ask = Ask(size, page.next)


async def test_runs_are_listed_newest_first_in_parts_and_by_state(installation, house, monitor, report):
    for number in range(5):
        await report(SignalType.START, f"job-{number}")
        # Two share an instant, so that the id must break the tie.
        installation.clock.advance(number % 2)
    await report(SignalType.SUCCESS, "job-1")
    runs = await every(list_runs, installation, house.bob.call(), monitor.id, size=2)
    assert sorted(run.external_run_id for run in runs) == [f"job-{number}" for number in range(5)]
    assert [run.started_at for run in runs] == sorted((run.started_at for run in runs), reverse=True)
    done = await every(list_runs, installation, house.bob.call(), monitor.id, size=2, state=RunState.SUCCEEDED)
    assert [run.external_run_id for run in done] == ["job-1"]


async def test_a_run_is_found_by_the_jobs_own_id(installation, house, monitor, report):
    accepted = await report(SignalType.START, "job-42")

    async def find(external_run_id, state=None):
        page = await list_runs(
            installation, house.bob.call(), monitor.id, Ask(), state=state, external_run_id=external_run_id
        )
        return [run.id for run in page.items]

    assert await find("job-42") == [accepted.run.id]
    assert await find("job-42", RunState.FAILED) == []
    assert await find("job-43") == []


async def test_a_run_shows_what_its_job_said_and_is_its_workspaces_own(installation, house, report):
    evidence = Evidence(summary="done", exit_code=3, deploy_sha="abc", host="h", environment="prod", tags={"a": "b"})
    accepted = await report(SignalType.FINISH, "job-1", evidence=evidence)
    run = await get_run(installation, house.bob.call(), accepted.run.id)
    assert (run.state, run.summary, run.exit_code) == (RunState.FAILED, "done", 3)
    assert (run.deploy_sha, run.host, run.environment, run.tags) == ("abc", "h", "prod", {"a": "b"})
    with pytest.raises(NotFound):
        await get_run(installation, house.charlie.call(), accepted.run.id)
    with pytest.raises(NotFound):
        await get_run(installation, house.bob.call(), house.ours)


async def test_signals_are_listed_newest_first_with_what_they_carried(installation, house, monitor, report):
    first = await report(SignalType.START, "job-1", evidence=Evidence(payload='{"n":1152921504606846976}'))
    installation.clock.advance(1)
    await report(SignalType.START, "job-2")
    installation.clock.advance(1)
    await report(SignalType.SUCCESS, "job-1", evidence=Evidence(output="all good"))
    signals = await every(list_signals, installation, house.bob.call(), monitor.id, size=2)
    assert [signal.type for signal in signals] == [SignalType.SUCCESS, SignalType.START, SignalType.START]
    assert signals[0].evidence.output == "all good"
    assert signals[-1].evidence.payload == '{"n":1152921504606846976}'
    of_run = await every(list_signals, installation, house.bob.call(), monitor.id, size=1, run_id=first.run.id)
    assert [signal.run_id for signal in of_run] == [first.run.id] * 2


async def test_only_admins_read_the_audit_and_only_of_their_own_workspace(installation, house, monitor):
    page = await list_audit_entries(installation, house.alice.call(), house.ours, Ask())
    assert [entry.action for entry in page.items if entry.target_type == "monitor"] == ["monitor.create"]
    for caller in (house.bob, house.olga):
        with pytest.raises(PermissionDenied):
            await list_audit_entries(installation, caller.call(), house.ours, Ask())
    with pytest.raises(NotFound):
        await list_audit_entries(installation, house.charlie.call(), house.ours, Ask())


def record(installation, request_id, **words):
    words = {"door": "http", "method": "GET /", "status": "200", "error_code": None, "duration_ms": 1} | words
    return RequestRecord(request_id=request_id, received_at=installation.clock.now(), **words)


async def test_records_are_found_by_our_id_and_by_the_callers_newest_first(installation, house):
    recorder = RequestRecorder(installation.database)
    recorder.start()
    recorder.record(record(installation, "req-1", caller_request_id="theirs-0001", workspace_id=house.ours))
    installation.clock.advance(1)
    recorder.record(record(installation, "req-2", caller_request_id="theirs-0001", workspace_id=house.ours))
    await recorder.stop()
    found = await find_requests(installation, house.bob.call(), "theirs-0001")
    assert [one.request_id for one in found] == ["req-2", "req-1"]
    (only,) = await find_requests(installation, house.bob.call(), "req-1")
    assert (only.method, only.status, only.duration_ms, only.signal_id) == ("GET /", "200", 1, None)


async def test_an_accepted_signal_is_its_own_record(installation, house, monitor, report):
    call = Caller(installation, "").call(caller_request_id="job-run-77")
    call.traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    accepted = await report(SignalType.START, "job-1", call=call)
    for request_id in (call.request_id, "job-run-77"):
        (found,) = await find_requests(installation, house.bob.call(), request_id)
        assert (found.signal_type, found.run_id, found.monitor_id) == ("start", accepted.run.id, monitor.id)
        assert (found.trace_id, found.source_address) == ("a" * 32, "192.0.2.1")


async def test_a_request_is_shown_to_those_who_may_see_its_workspace_only(installation, house):
    recorder = RequestRecorder(installation.database)
    recorder.start()
    recorder.record(record(installation, "req-ours", workspace_id=house.ours))
    recorder.record(record(installation, "req-nobodys"))
    await recorder.stop()
    assert len(await find_requests(installation, house.bob.call(), "req-ours")) == 1
    assert await find_requests(installation, house.charlie.call(), "req-ours") == []
    assert await find_requests(installation, house.bob.call(), "req-nobodys") == []
    assert len(await find_requests(installation, house.root.call(), "req-nobodys")) == 1


async def test_at_most_a_hundred_are_shown(installation, house):
    recorder = RequestRecorder(installation.database)
    recorder.start()
    for number in range(120):
        recorder.record(record(installation, f"req-{number}", caller_request_id="one-loop-1", workspace_id=house.ours))
    await recorder.stop()
    assert len(await find_requests(installation, house.bob.call(), "one-loop-1")) == 100


async def test_a_full_buffer_drops_and_counts_and_never_waits(installation):
    lost = []
    recorder = RequestRecorder(installation.database, on_drop=lost.append, capacity=3)
    for number in range(5):
        recorder.record(record(installation, f"req-{number}"))
    assert (recorder.dropped, lost) == (2, [1, 1])
    await recorder.stop()
    assert recorder.dropped == 5


async def test_a_record_that_the_database_refuses_harms_none_of_its_neighbours(installation, house):
    recorder = RequestRecorder(installation.database)
    recorder.start()
    for request_id, method in (("req-1", "GET /"), ("req-2", "GET /\0"), ("req-3", "GET /")):
        recorder.record(record(installation, request_id, method=method, workspace_id=house.ours))
    await recorder.stop()
    assert recorder.dropped == 1
    for request_id, count in (("req-1", 1), ("req-2", 0), ("req-3", 1)):
        assert len(await find_requests(installation, house.bob.call(), request_id)) == count


async def test_a_stop_is_bounded_while_the_database_is_away(installation):
    away = Database("postgresql://luota@/luota?host=/nowhere", name="away", sessions=1)
    recorder = RequestRecorder(away)
    recorder.start()
    recorder.record(record(installation, "req-1"))
    async with asyncio.timeout(5):
        await recorder.stop()
        await recorder.stop()
    assert recorder.dropped == 1


async def test_a_cut_flush_that_is_repeated_leaves_one_record(installation, house):
    one = record(installation, "req-1", workspace_id=house.ours)
    recorder = RequestRecorder(installation.database)
    recorder.start()
    recorder.record(one)
    recorder.record(one)
    await recorder.stop()
    assert len(await find_requests(installation, house.bob.call(), "req-1")) == 1
