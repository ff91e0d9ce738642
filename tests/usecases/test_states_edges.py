"""Every edge that docs/states.md draws is walked, and every other one is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import product
from uuid import UUID

import pytest
from tests.stage import Stage
from tests.states import (
    INCIDENT,
    MONITOR,
    RUN,
    Edge,
    messages,
)

from luota_svc.model.batch import ChangedIncident, ChangedRun, Writes
from luota_svc.model.errors import ResourceConflict, RunConflict
from luota_svc.model.monitors import MonitorState
from luota_svc.model.runs import RunState
from luota_svc.store import incidents
from luota_svc.store.errors import RowCountMismatch
from luota_svc.store.ingest import BatchFailed, BatchFailure, ingest_transaction

MUTED, TAKEN = 600, 3_600  # seconds


pytestmark = pytest.mark.asyncio(loop_scope="module")


# --- runs --------------------------------------------------------------------------------------------------------

TIMEOUT = 600


async def given_run(at: Stage, state: str) -> tuple[UUID, str]:
    """Return a monitor and the name of its only run, which stands in this state."""
    monitor, name = await at.monitor(timeout_seconds=TIMEOUT), at.name()
    if state == "new":
        return monitor, name
    await at.process.start(monitor, name)
    if state == "expired":
        await at.pass_time(TIMEOUT + 1)
    elif state != "running":
        at.clock.advance(1)
        await (at.process.success if state == "succeeded" else at.process.fail)(monitor, name)
    at.clock.advance(1)
    return monitor, name


def run_state(at: Stage, monitor: UUID) -> str:
    rows = at.runs(monitor)
    return rows[0]["state"] if rows else "new"


async def close_run(at: Stage, edge: Edge, monitor: UUID, name: str):
    return await (at.process.success if edge.after == "succeeded" else at.process.fail)(monitor, name)


async def open_run(at: Stage, edge: Edge, monitor: UUID, name: str):
    if edge.after == "running":
        return await at.process.start(monitor, name)
    return await at.process.finish(monitor, name, int(edge.after == "failed"))


async def show_life(at: Stage, edge: Edge, monitor: UUID, name: str):
    return await at.process.progress(monitor, name)


async def let_expire(at: Stage, edge: Edge, monitor: UUID, name: str):
    await at.pass_time(TIMEOUT)


RUN_ACTS: dict[str, Callable[[Stage, Edge, UUID, str], Awaitable]] = {
    "open": open_run,
    "sign_of_life": show_life,
    "close": close_run,
    "late_close": close_run,
    "expired": let_expire,
}


@pytest.mark.parametrize("edge", RUN, ids=str)
async def test_every_edge_of_a_run_is_walked(at: Stage, edge: Edge):
    monitor, name = await given_run(at, edge.before)
    assert run_state(at, monitor) == edge.before
    answer = await RUN_ACTS[edge.word](at, edge, monitor, name)
    assert run_state(at, monitor) == edge.after
    (row,) = at.runs(monitor)
    if answer is not None:
        assert not answer.duplicate
        late = [note for note in answer.notes if note.note.startswith("late_close")]
        assert bool(late) == (edge.word == "late_close")
    if edge.word == "sign_of_life":
        assert row["last_sign_at"] == at.clock.now()
    if edge.word == "expired":
        assert at.standing(monitor)["stuck"]["reason"] == "expired"
        assert row["finished_at"] == row["timeout_at"]


SENT = {"start again": "start", "progress": "progress", "success": "success", "fail": "fail"}


@pytest.mark.parametrize(("message", "state", "decision"), messages())
async def test_every_message_does_to_a_run_what_is_said(at: Stage, message: str, state: str, decision: str):
    monitor, name = await given_run(at, state)
    before, signals = at.runs(monitor), at.world.count("signals")
    send = getattr(at.process, SENT[message])
    if decision == "conflict":
        with pytest.raises(RunConflict) as refused:
            await send(monitor, name)
        assert refused.value.run.state == state
    else:
        answer = await send(monitor, name)
        assert answer.duplicate == (decision == "repeat")
    kept = at.world.count("signals") - signals
    assert kept == (decision not in {"repeat", "conflict"})
    if decision in {"repeat", "conflict", "after_close"}:
        assert at.runs(monitor) == before
    else:
        closed = {"success": "succeeded", "fail": "failed"}.get(message, "running")
        assert run_state(at, monitor) == closed


async def test_a_start_after_its_finish_is_kept_once(at: Stage):
    monitor, name = await given_run(at, "new")
    await at.process.finish(monitor, name)
    for _ in range(2):
        assert (await at.process.start(monitor, name)).duplicate
        assert at.world.count("signals", "monitor_id = %s", monitor) == 2


STATES = [str(state) for state in RunState]
UNDRAWN_RUN = [
    pair
    for pair in product(STATES, STATES)
    if pair[0] != pair[1] and pair not in {(edge.before, edge.after) for edge in RUN}
]


@pytest.mark.parametrize(("before", "after"), UNDRAWN_RUN)
async def test_a_run_is_not_moved_by_an_edge_that_is_not_drawn(at: Stage, before: str, after: str):
    monitor, _ = await given_run(at, before)
    (row,) = at.runs(monitor)
    closed = after != "running"
    change = dict.fromkeys(ChangedRun._fields)
    change |= {"id": row["id"], "expected_state": before, "state": after, "start_seen": True}
    change |= {"finished_at": row["timeout_at"] if closed else None, "duration_ms": 1 if closed else None}
    await refused(at, Writes(changed_runs=[ChangedRun(**change)]))
    assert at.runs(monitor) == [row]


async def refused(at: Stage, writes: Writes) -> None:
    """Require that what an ingest batch or a sweep would write is refused by the statement's own guard."""
    with pytest.raises(BatchFailed) as failed:
        async with ingest_transaction(at.process.database) as transaction:
            await transaction.commit(writes, at.clock.now())
    assert failed.value.failure is BatchFailure.RERUN


# --- incidents ---------------------------------------------------------------------------------------------------


async def given_incident(at: Stage, state: str) -> tuple[UUID, UUID | None]:
    """Return a muted monitor and its only incident, which stands in this state."""
    monitor = await at.monitor()
    await at.mute(monitor, MUTED)
    if state == "none":
        return monitor, None
    await at.fails(monitor)
    incident = at.standing(monitor)["failed"]["id"]
    if state == "acknowledged":
        await at.acknowledge(incident, TAKEN)
    if state == "resolved":
        await at.resolve(incident)
    at.clock.advance(1)
    return monitor, incident


def incident_state(at: Stage, monitor: UUID) -> str:
    rows = at.incidents(monitor)
    return rows[-1]["state"] if rows else "none"


INCIDENT_ACTS: dict[str, Callable[[Stage, UUID, UUID], Awaitable]] = {
    "opened": lambda at, monitor, _incident: at.fails(monitor),
    "occurrence": lambda at, monitor, _incident: at.fails(monitor),
    "note": lambda at, _monitor, incident: at.note(incident),
    "assigned": lambda at, _monitor, incident: at.assign(incident, "olga"),
    "quiet_ended": lambda at, _monitor, _incident: at.pass_time(MUTED),
    "acknowledged": lambda at, _monitor, incident: at.acknowledge(incident, 2 * TAKEN),
    "acknowledgement_ended": lambda at, _monitor, _incident: at.pass_time(TAKEN),
    "recovered": lambda at, monitor, _incident: at.succeeds(monitor),
    "by_hand": lambda at, _monitor, incident: at.resolve(incident),
    "monitor_deleted": lambda at, monitor, _incident: at.delete(monitor),
}


@pytest.mark.parametrize("edge", INCIDENT, ids=str)
async def test_every_edge_of_an_incident_is_walked(at: Stage, edge: Edge):
    monitor, incident = await given_incident(at, edge.before)
    assert incident_state(at, monitor) == edge.before
    before = at.incident(incident)["event_count"] if incident else 0
    await INCIDENT_ACTS[edge.word](at, monitor, incident)
    (row,) = at.incidents(monitor)
    assert row["state"] == edge.after
    timeline = at.timeline(row["id"])
    assert len(timeline) == row["event_count"] > before
    happened = timeline[before:]
    if edge.word in {"by_hand", "monitor_deleted"}:
        assert (happened, row["resolution"]) == (["resolved"], edge.word)
    elif edge.word == "recovered":
        assert (happened, row["resolution"]) == (["recovered", "resolved"], "recovered")
    else:
        assert edge.word in happened
        assert row["resolution"] == (None if edge.after != "resolved" else "by_hand")


@pytest.mark.parametrize(
    "change",
    [
        lambda at, incident: at.acknowledge(incident),
        lambda at, incident: at.acknowledge(incident, 60),
        lambda at, incident: at.assign(incident, "olga"),
    ],
    ids=["acknowledge", "acknowledge until", "assign"],
)
async def test_what_has_ended_is_neither_taken_nor_given(at: Stage, change):
    _, incident = await given_incident(at, "resolved")
    assert incident is not None
    before = at.incident(incident)
    with pytest.raises(ResourceConflict):
        await change(at, incident)
    assert at.incident(incident) == before


@pytest.mark.parametrize("message", ["succeeds", "fails"])
async def test_what_has_ended_is_touched_by_no_signal(at: Stage, message: str):
    monitor, incident = await given_incident(at, "resolved")
    assert incident is not None
    before = at.incident(incident)
    await getattr(at, message)(monitor)
    assert at.incident(incident) == before
    assert [row["previous_incident_id"] for row in at.incidents(monitor)[1:]] == [incident] * (message == "fails")


@pytest.mark.parametrize("after", ["open", "acknowledged", "resolved"])
async def test_what_has_ended_is_moved_by_no_batch(at: Stage, after: str):
    _, incident = await given_incident(at, "resolved")
    assert incident is not None
    row = at.incident(incident)
    ended = (row["resolved_at"], row["resolution"]) if after == "resolved" else (None, None)
    change = ChangedIncident(incident, row["version"], after, 2, row["event_count"] + 1, *ended)
    await refused(at, Writes(changed_incidents=[change]))
    assert at.incident(incident) == row


async def test_what_has_ended_is_moved_by_no_operators_write(at: Stage):
    _, incident = await given_incident(at, "resolved")
    assert incident is not None
    row = at.incident(incident)
    async with at.installation.database.unit() as unit:
        held = await incidents.lock(unit, incident)
    assert held is not None
    for write in (
        lambda unit: incidents.acknowledge(unit, held, "olga", None, at.clock.now()),
        lambda unit: incidents.assign(unit, held, "olga"),
        lambda unit: incidents.resolve(unit, held, "by_hand", at.clock.now()),
    ):
        with pytest.raises(RowCountMismatch):
            async with at.installation.database.unit() as unit:
                await write(unit)
    assert at.incident(incident) == row


# --- monitors ----------------------------------------------------------------------------------------------------


async def given_monitor(at: Stage, edge: Edge) -> UUID:
    """Return a monitor in the state before an edge, so that the edge's act leads to the state after it."""
    monitor = await at.monitor()
    if "healthy" in {edge.before, edge.after} and edge.before != "new":
        await at.succeeds(monitor)
    if edge.before == "failing" or (edge.after == "failing" and edge.before == "paused"):
        await at.fails(monitor)
    if edge.before == "paused":
        await at.pause(monitor, MUTED)
    at.clock.advance(1)
    return monitor


async def end_incident(at: Stage, edge: Edge, monitor: UUID) -> None:
    await at.resolve(at.standing(monitor)["failed"]["id"])


MONITOR_ACTS: dict[str, Callable[[Stage, Edge, UUID], Awaitable]] = {
    "good": lambda at, _edge, monitor: at.succeeds(monitor),
    "opened": lambda at, _edge, monitor: at.fails(monitor),
    "resolved": end_incident,
    "pause": lambda at, _edge, monitor: at.pause(monitor, MUTED),
    "resume": lambda at, _edge, monitor: at.resume(monitor),
}


@pytest.mark.parametrize("edge", [edge for edge in MONITOR if edge.before != "none"], ids=str)
async def test_every_edge_of_a_monitor_is_walked(at: Stage, edge: Edge):
    monitor = await given_monitor(at, edge)
    assert (await at.read(monitor)).state == edge.before
    await MONITOR_ACTS[edge.word](at, edge, monitor)
    assert (await at.read(monitor)).state == edge.after


async def test_a_monitor_is_new_when_it_is_created_and_a_pause_ends_by_itself_too(at: Stage):
    monitor = await at.monitor()
    assert (await at.read(monitor)).state is MonitorState.NEW
    await at.pause(monitor, MUTED)
    await at.succeeds(monitor)
    assert (await at.read(monitor)).state is MonitorState.PAUSED
    await at.pass_time(MUTED)
    assert (await at.read(monitor)).state is MonitorState.HEALTHY


async def test_no_edge_leads_from_healthy_to_new(at: Stage):
    assert ("healthy", "new") not in {(edge.before, edge.after) for edge in MONITOR}
    monitor = await at.monitor()
    await at.succeeds(monitor)
    await at.fails(monitor)
    await at.resolve(at.standing(monitor)["failed"]["id"])
    assert (await at.read(monitor)).state is MonitorState.HEALTHY
    await at.pause(monitor, MUTED)
    await at.resume(monitor)
    assert (await at.read(monitor)).state is MonitorState.HEALTHY
    await at.process.start(monitor, at.name())
    assert (await at.read(monitor)).state is MonitorState.HEALTHY
