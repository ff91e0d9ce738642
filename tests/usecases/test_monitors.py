"""Monitors: who may change them, what a pause and a delete do, that two changes never overwrite one another."""

import asyncio
from datetime import timedelta

import pytest
from tests.management import Caller

from luota_svc.model.errors import (
    InvalidIngestKey,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ResourceConflict,
)
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.incidents import IncidentFilter, IncidentState, StateFilter
from luota_svc.model.monitors import MonitorKind, MonitorSettings, MonitorState, Severity
from luota_svc.model.pages import Ask
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.store import audit
from luota_svc.usecases import monitors
from luota_svc.usecases.incidents import list_incidents
from luota_svc.usecases.keys import Scope, create_key
from luota_svc.usecases.runs import list_runs
from luota_svc.usecases.signals import list_signals

BACKUP = MonitorSettings("backup", "Backup", MonitorKind.RUN, failure_threshold=2, tags={"team": "ops"})


@pytest.fixture
async def monitor(installation, house):
    return await monitors.create_monitor(installation, house.olga.call(), house.ours, BACKUP, None)


@pytest.fixture
async def job(installation, house, monitor, ingest):
    """Somebody who reports how runs of the monitor end."""
    scope = Scope(monitor_id=monitor.id)
    made = await create_key(installation, house.alice.call(), scope, name="", expires_at=None, once=None)

    async def finish(external_run_id, exit_code):
        evidence = Evidence(exit_code=exit_code)
        report = Report(SignalType.FINISH, evidence, monitor_id=monitor.id, external_run_id=external_run_id)
        return await ingest.report(Caller(installation, made.token).call(), report)

    return finish


async def read(house, monitor):
    return await monitors.get_monitor(house.installation, house.bob.call(), monitor.id)


async def actions(house):
    async with house.installation.database.unit() as unit:
        entries = (await audit.page(unit, house.ours, Ask(50))).items
    return [entry.action for entry in entries if entry.target_type == "monitor"]


async def test_an_operator_makes_a_monitor_and_a_viewer_reads_it(house, monitor):
    stands = await read(house, monitor)
    assert (stands.settings, stands.state, stands.version) == (BACKUP, MonitorState.NEW, 1)
    assert stands == monitor


async def test_who_may_not_is_refused_and_who_may_not_know_finds_nothing(installation, house, monitor):
    until = installation.clock.now() + timedelta(hours=1)
    acts = (
        lambda call: monitors.create_monitor(installation, call, house.ours, BACKUP, None),
        lambda call: monitors.update_monitor(installation, call, monitor.id, {"name": "X"}, None),
        lambda call: monitors.delete_monitor(installation, call, monitor.id),
        lambda call: monitors.pause_monitor(installation, call, monitor.id, until),
        lambda call: monitors.resume_monitor(installation, call, monitor.id),
        lambda call: monitors.mute_monitor(installation, call, monitor.id, until),
        lambda call: monitors.unmute_monitor(installation, call, monitor.id),
    )
    for act in acts:
        with pytest.raises(PermissionDenied):
            await act(house.bob.call())
        with pytest.raises(NotFound):
            await act(house.charlie.call())
    for read_only in (
        monitors.get_monitor(installation, house.charlie.call(), monitor.id),
        monitors.list_monitors(installation, house.charlie.call(), house.ours, Ask()),
        list_runs(installation, house.charlie.call(), monitor.id, Ask()),
        list_signals(installation, house.charlie.call(), monitor.id, Ask()),
    ):
        with pytest.raises(NotFound):
            await read_only
    assert await actions(house) == ["monitor.create"]


async def test_a_change_touches_what_it_names_and_leaves_the_rest(installation, house, monitor):
    installation.clock.advance(5)
    changes = {"severity": Severity.CRITICAL, "tags": {}}
    after = await monitors.update_monitor(installation, house.olga.call(), monitor.id, changes, 1)
    assert (after.settings.severity, after.settings.tags, after.settings.name) == (Severity.CRITICAL, {}, "Backup")
    assert (after.version, after.updated_at) == (2, installation.clock.now())
    with pytest.raises(ResourceConflict, match="The monitor was changed by somebody else; read it again"):
        await monitors.update_monitor(installation, house.olga.call(), monitor.id, {"name": "Y"}, 1)


async def test_the_kind_is_fixed_and_pauses_are_changed_elsewhere(installation, house, monitor):
    same = {"kind": MonitorKind.RUN, "paused_until": None, "muted_until": None, "name": "Z"}
    assert (await monitors.update_monitor(installation, house.olga.call(), monitor.id, same, None)).settings.name == "Z"
    until = installation.clock.now() + timedelta(hours=1)
    for change in ({"kind": MonitorKind.HEARTBEAT}, {"paused_until": until}, {"muted_until": until}):
        with pytest.raises(InvalidRequest):
            await monitors.update_monitor(installation, house.olga.call(), monitor.id, change, None)


async def test_every_problem_of_a_change_is_told_at_once(installation, house, monitor):
    changes = {"kind": MonitorKind.HEARTBEAT, "muted_until": installation.clock.now(), "name": "", "grace_seconds": -1}
    with pytest.raises(InvalidRequest) as refused:
        await monitors.update_monitor(installation, house.olga.call(), monitor.id, changes, None)
    assert [problem.field for problem in refused.value.problems] == ["kind", "mutedUntil", "name", "graceSeconds"]


async def test_a_change_that_would_break_a_bound_is_refused_whole(installation, house, monitor):
    with pytest.raises(InvalidRequest) as refused:
        await monitors.update_monitor(
            installation, house.olga.call(), monitor.id, {"max_duration_seconds": 600, "timeout_seconds": 60}, None
        )
    assert [problem.field for problem in refused.value.problems] == ["timeoutSeconds"]
    assert (await read(house, monitor)).version == 1


async def test_of_two_changes_to_one_version_at_once_one_wins(installation, house, monitor):
    results = await asyncio.gather(
        *(
            monitors.update_monitor(installation, house.olga.call(), monitor.id, {"name": name}, 1)
            for name in ("A", "B")
        ),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Monitor", "ResourceConflict"]


async def test_without_a_version_the_later_change_stands_on_the_earlier(installation, house, monitor):
    await asyncio.gather(
        monitors.update_monitor(installation, house.olga.call(), monitor.id, {"name": "A"}, None),
        monitors.update_monitor(installation, house.olga.call(), monitor.id, {"owner": "B"}, None),
    )
    stands = await read(house, monitor)
    assert (stands.settings.name, stands.settings.owner, stands.version) == ("A", "B", 3)


async def test_a_slug_is_unique_in_its_workspace_only(installation, house, monitor):
    with pytest.raises(ResourceConflict, match="slug exists already"):
        await monitors.create_monitor(installation, house.olga.call(), house.ours, BACKUP, None)
    await monitors.create_monitor(installation, house.charlie.call(), house.theirs, BACKUP, None)


async def test_lists_are_by_slug_and_page_without_gap_or_repeat(installation, house, monitor):
    for slug in ("zeta", "alpha", "mid"):
        settings = MonitorSettings(slug, slug, MonitorKind.HEARTBEAT)
        await monitors.create_monitor(installation, house.olga.call(), house.ours, settings, None)
    seen, ask = [], Ask(1)
    while True:
        page = await monitors.list_monitors(installation, house.bob.call(), house.ours, ask)
        seen += [one.settings.slug for one in page.items]
        if page.next is None:
            break
        ask = Ask(1, page.next)
    assert seen == ["alpha", "backup", "mid", "zeta"]


async def test_a_paused_monitor_is_recorded_and_not_judged_and_counts_anew_afterwards(
    installation, house, monitor, job
):
    await job("one", 1)
    until = installation.clock.now() + timedelta(hours=1)
    paused = await monitors.pause_monitor(installation, house.olga.call(), monitor.id, until)
    assert (paused.state, paused.paused_until) == (MonitorState.PAUSED, until)
    for run in ("two", "three"):
        assert (await job(run, 1)).incident is None
    resumed = await monitors.resume_monitor(installation, house.olga.call(), monitor.id)
    assert (resumed.state, resumed.paused_until) == (MonitorState.NEW, None)
    # The failure of before the pause is forgotten: it takes two new ones.
    assert (await job("four", 1)).incident is None
    assert (await job("five", 1)).incident is not None
    assert (await read(house, monitor)).state is MonitorState.FAILING
    listed = await list_runs(installation, house.bob.call(), monitor.id, Ask())
    assert len(listed.items) == 5


async def test_a_pause_ends_by_itself(installation, house, monitor):
    until = installation.clock.now() + timedelta(hours=1)
    await monitors.pause_monitor(installation, house.olga.call(), monitor.id, until)
    installation.clock.advance(3_601)
    assert (await read(house, monitor)).state is MonitorState.NEW


async def test_resuming_after_a_pause_ran_out_forgets_no_failure(installation, house, monitor, job):
    until = installation.clock.now() + timedelta(hours=1)
    paused = await monitors.pause_monitor(installation, house.olga.call(), monitor.id, until)
    installation.clock.advance(3_601)
    assert (await job("one", 1)).incident is None
    assert (await monitors.resume_monitor(installation, house.olga.call(), monitor.id)).version == paused.version
    assert (await job("two", 1)).incident is not None


async def test_an_end_is_kept_to_the_millisecond_so_that_what_was_read_can_be_sent_back(installation, house, monitor):
    until = installation.clock.now() + timedelta(hours=1, microseconds=123_456)
    shown = until.replace(microsecond=123_000)
    await monitors.pause_monitor(installation, house.olga.call(), monitor.id, until)
    stands = await monitors.mute_monitor(installation, house.olga.call(), monitor.id, until)
    assert (stands.paused_until, stands.muted_until) == (shown, shown)


async def test_resuming_and_unmuting_what_is_neither_leaves_no_trace(installation, house, monitor):
    assert (await monitors.resume_monitor(installation, house.olga.call(), monitor.id)).version == 1
    assert (await monitors.unmute_monitor(installation, house.olga.call(), monitor.id)).version == 1
    assert await actions(house) == ["monitor.create"]


async def test_a_pause_and_a_mute_need_an_end_in_the_future(installation, house, monitor):
    for act in (monitors.pause_monitor, monitors.mute_monitor):
        for until in (None, installation.clock.now()):
            with pytest.raises(InvalidRequest, match="until: "):
                await act(installation, house.olga.call(), monitor.id, until)


async def test_a_muted_monitor_says_so_and_its_incident_too(installation, house, monitor, job):
    until = installation.clock.now() + timedelta(hours=1)
    muted = await monitors.mute_monitor(installation, house.olga.call(), monitor.id, until)
    assert (muted.muted_until, muted.state) == (until, MonitorState.NEW)
    for run in ("one", "two"):
        await job(run, 1)
    (incident,) = (await list_incidents(installation, house.bob.call(), house.ours, Ask())).items
    assert incident.alert_state == "muted"
    assert (await monitors.unmute_monitor(installation, house.olga.call(), monitor.id)).muted_until is None


async def test_a_monitor_names_its_last_signals_and_is_healthy_after_a_good_one(installation, house, monitor, job):
    good = await job("good", 0)
    installation.clock.advance(1)
    bad = await job("bad", 1)
    stands = await read(house, monitor)
    assert stands.state is MonitorState.HEALTHY
    assert (stands.last_good_signal.run_id, stands.last_signal.run_id) == (good.run.id, bad.run.id)
    assert stands.last_signal.received_at == installation.clock.now()


async def test_a_deleted_monitor_is_refused_everywhere_and_its_evidence_stays(installation, house, monitor, job):
    for run in ("one", "two"):
        await job(run, 1)
    installation.clock.advance(1)
    call = house.olga.call()
    await monitors.delete_monitor(installation, call, monitor.id)
    with pytest.raises(NotFound):
        await read(house, monitor)
    with pytest.raises(NotFound):
        await monitors.delete_monitor(installation, house.olga.call(), monitor.id)
    with pytest.raises(InvalidIngestKey):
        await job("three", 1)
    (incident,) = (await list_incidents(installation, house.bob.call(), house.ours, Ask())).items
    assert (incident.state, incident.resolution) == (IncidentState.RESOLVED, "monitor_deleted")
    assert len((await list_runs(installation, house.bob.call(), monitor.id, Ask())).items) == 2
    assert len((await list_signals(installation, house.bob.call(), monitor.id, Ask())).items) == 2
    async with installation.database.unit() as unit:
        events = await unit.rows(
            "SELECT number, event, actor, request_id, detail FROM incident_events WHERE incident_id = %(id)s"
            " ORDER BY number",
            {"id": incident.id},
        )
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["event"] == "resolved"
    assert (events[-1]["actor"], events[-1]["request_id"]) == (f"operator of {house.ours}", call.request_id)
    # Its slug is free again.
    installation.clock.advance(1)
    await monitors.create_monitor(installation, house.olga.call(), house.ours, BACKUP, None)
    assert await actions(house) == ["monitor.create", "monitor.delete", "monitor.create"]


async def test_deleting_while_signals_land_never_leaves_an_incident_open(installation, house, monitor, job):
    await asyncio.gather(
        *(job(f"run-{number}", 1) for number in range(8)),
        monitors.delete_monitor(installation, house.olga.call(), monitor.id),
        return_exceptions=True,
    )
    listed = await list_incidents(
        installation, house.bob.call(), house.ours, Ask(), IncidentFilter(state=StateFilter.OPEN)
    )
    assert listed.items == ()


async def test_one_idempotency_key_makes_one_monitor(installation, house):
    once = Idempotency("k", b"h")
    made = await asyncio.gather(
        *(monitors.create_monitor(installation, house.olga.call(), house.ours, BACKUP, once) for _ in range(3))
    )
    assert len({monitor.id for monitor in made}) == 1
    assert await actions(house) == ["monitor.create"]
