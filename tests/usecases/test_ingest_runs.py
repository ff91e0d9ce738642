"""Runs and pings: every order, repeated, conflicting, racing, late; one run, one signal, one winner."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.builders import Process, World, close, finish, ingest_process, outcome_of, ping, start

from luota_svc.model.errors import NotFound, RunConflict
from luota_svc.model.runs import RunState
from luota_svc.model.signals import Accepted, SignalType
from luota_svc.usecases import lanes

ROUNDS = 200


@pytest.fixture(params=[1, 256], ids=["batches of 1", "batches of 256"])
def batch_size(request, monkeypatch):
    monkeypatch.setattr(lanes, "BATCH_MEMBERS_MAX", request.param)


@pytest.fixture
def monitor(world: World):
    return world.monitor("nightly")


def signal_types(world: World) -> list[str]:
    return [row["type"] for row in world.rows("SELECT type FROM signals ORDER BY received_at, id")]


async def test_a_start_opens_a_run_and_keeps_one_signal(world, process, monitor):
    accepted = await process.start(monitor, "job-1", host="h", tags={"a": "b"})
    assert (accepted.duplicate, accepted.run.state, accepted.incident) == (False, RunState.RUNNING, None)
    (run,) = world.rows("SELECT * FROM runs")
    assert (run["id"], run["external_run_id"], run["host"], run["tags"]) == (accepted.run.id, "job-1", "h", {"a": "b"})
    (signal,) = world.rows("SELECT * FROM signals")
    assert (signal["run_id"], signal["type"], signal["id"]) == (run["id"], "start", accepted.signal_id)
    assert run["timeout_at"] == run["received_at"] + timedelta(days=1)
    assert run["next_deadline_at"] == run["received_at"] + timedelta(hours=1)


async def test_fifty_starts_at_once_are_one_run_and_one_signal(world, process, monitor, batch_size):
    answers = await asyncio.gather(*(process.start(monitor, "same") for _ in range(50)))
    assert len({answer.run.id for answer in answers}) == 1
    assert sum(not answer.duplicate for answer in answers) == 1
    assert (world.count("runs"), world.count("run_keys"), signal_types(world)) == (1, 1, ["start"])


async def test_fifty_starts_at_once_over_two_processes_are_one_run_and_one_signal(world, two_processes, monitor):
    answers = await asyncio.gather(*(two_processes[n % 2].start(monitor, "same") for n in range(50)))
    assert len({answer.run.id for answer in answers}) == 1
    assert sum(not answer.duplicate for answer in answers) == 1
    assert (world.count("runs"), signal_types(world)) == (1, ["start"])


def closes(first: Process, second: Process, monitor, run, number: int) -> list:
    calls = [first.success(monitor, run), second.fail(monitor, run)]
    return [outcome_of(call) for call in (reversed(calls) if number % 2 else calls)]


async def race(first: Process, second: Process, monitor, number: int) -> None:
    run = (await first.start(monitor, f"r-{number}")).run.id
    require_one_winner(run, await asyncio.gather(*closes(first, second, monitor, run, number)))


def require_one_winner(run, answers) -> None:
    (won,) = [answer for answer in answers if isinstance(answer, Accepted)]
    (lost,) = [answer for answer in answers if not isinstance(answer, Accepted)]
    assert isinstance(lost, RunConflict)
    assert (lost.run.id, lost.run.state) == (run, won.run.state)
    assert str(lost) == f"Run already {won.run.state.value}"


async def test_of_a_success_and_a_failure_that_race_exactly_one_wins(world, process, monitor, batch_size):
    for number in range(ROUNDS):
        await race(process, process, monitor, number)
    assert world.count("signals", "type <> 'start'") == ROUNDS


async def test_of_a_success_and_a_failure_that_race_over_two_processes_exactly_one_wins(
    world, two_processes, monitor, batch_size
):
    for number in range(ROUNDS):
        await race(*two_processes, monitor, number)
    assert world.count("signals", "type <> 'start'") == ROUNDS


@pytest.mark.parametrize("one_process", [True, False], ids=["one process", "two processes"])
async def test_of_256_closes_of_128_runs_at_once_exactly_one_of_each_two_wins(
    world, two_processes, monitor, batch_size, one_process
):
    first, second = two_processes[:1] * 2 if one_process else two_processes
    for turn in range(2):
        starts = await asyncio.gather(*(first.start(monitor, f"{turn}-{number}") for number in range(128)))
        runs = [start.run.id for start in starts]
        racing = [call for number, run in enumerate(runs) for call in closes(first, second, monitor, run, number)]
        answers = await asyncio.gather(*racing)
        for number, run in enumerate(runs):
            require_one_winner(run, answers[2 * number : 2 * number + 2])
    assert world.count("signals", "type <> 'start'") == 256


@pytest.mark.parametrize("by_id", [True, False])
@pytest.mark.parametrize(("word", "state"), [("success", RunState.SUCCEEDED), ("fail", RunState.FAILED)])
async def test_the_same_close_again_is_the_same_answer_and_leaves_nothing(world, process, monitor, word, state, by_id):
    run = (await process.start(monitor, "r")).run.id
    name = run if by_id else "r"
    first = await getattr(process, word)(monitor, name, summary="first")
    before = world.rows("SELECT * FROM incident_events ORDER BY number")
    again = await getattr(process, word)(monitor, name, summary="second")
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.run == first.run
    assert again.run.state is state
    assert again.incident == first.incident
    assert signal_types(world) == ["start", word]
    assert world.rows("SELECT * FROM incident_events ORDER BY number") == before
    assert world.one("SELECT summary FROM runs") == "first"


@pytest.mark.parametrize(("first", "second"), [("success", "fail"), ("fail", "success")])
async def test_the_other_close_is_a_conflict_and_leaves_nothing(world, process, monitor, first, second):
    run = (await process.start(monitor, "r")).run.id
    await getattr(process, first)(monitor, run)
    with pytest.raises(RunConflict):
        await getattr(process, second)(monitor, run)
    with pytest.raises(RunConflict):
        await process.finish(monitor, "r", 0 if second == "success" else 1)
    assert signal_types(world) == ["start", first]


@pytest.mark.parametrize(("exit_code", "state"), [(0, RunState.SUCCEEDED), (3, RunState.FAILED)])
async def test_a_finish_opens_and_closes_a_run_in_one_call(world, process, monitor, exit_code, state):
    accepted = await process.finish(monitor, "r", exit_code, summary="s")
    assert (accepted.run.state, accepted.duplicate, accepted.run.duration_ms) == (state, False, 0)
    (run,) = world.rows("SELECT * FROM runs")
    assert (run["state"], run["exit_code"], run["summary"], run["start_seen"]) == (state, exit_code, "s", False)
    assert run["next_deadline_at"] is None
    assert (await process.finish(monitor, "r", exit_code)).duplicate
    assert signal_types(world) == ["finish"]


async def test_a_finish_closes_a_run_that_was_started(world, process, monitor):
    run = (await process.start(monitor, "r")).run.id
    assert (await process.finish(monitor, "r", 1)).run.id == run
    assert world.one("SELECT state FROM runs") == "failed"


async def test_a_start_after_its_close_is_kept_once_and_says_that_a_rerun_needs_a_new_id(world, process, monitor):
    closed = await process.finish(monitor, "r", 0)
    for _ in range(3):
        late = await process.start(monitor, "r")
        assert (late.duplicate, late.run.id, late.run.state) == (True, closed.run.id, RunState.SUCCEEDED)
        assert [note.field for note in late.notes] == ["externalRunId"]
    assert sorted(signal_types(world)) == ["finish", "start"]


async def test_a_repeated_start_of_a_running_run_says_nothing_of_a_close(process, monitor):
    await process.start(monitor, "r")
    again = await process.start(monitor, "r")
    assert (again.duplicate, again.notes) == (True, ())


async def test_everything_in_one_batch_is_as_if_it_had_come_one_by_one(world, process, monitor):
    reports = [
        close(SignalType.SUCCESS, monitor, "r"),
        start(monitor, "r"),
        close(SignalType.PROGRESS, monitor, "r"),
        start(monitor, "r"),
        close(SignalType.FAIL, monitor, "r"),
        close(SignalType.FAIL, monitor, "r"),
        close(SignalType.SUCCESS, monitor, "r"),
        close(SignalType.PROGRESS, monitor, "r"),
        finish(monitor, "q", 0),
        start(monitor, "q"),
        start(monitor, "q"),
    ]
    answers = await process.send_many(reports)
    shown = [type(a).__name__ if not isinstance(a, Accepted) else (a.duplicate, a.run.state.value) for a in answers]
    assert shown == [
        "NotFound",
        (False, "running"),
        (False, "running"),
        (True, "running"),
        (False, "failed"),
        (True, "failed"),
        "RunConflict",
        (False, "failed"),
        (False, "succeeded"),
        (True, "succeeded"),
        (True, "succeeded"),
    ]
    kept = world.rows("SELECT external_run_id, type FROM signals JOIN runs ON runs.id = run_id ORDER BY 1, 2")
    assert [tuple(row.values()) for row in kept] == [
        ("q", "finish"),
        ("q", "start"),
        ("r", "fail"),
        ("r", "progress"),
        ("r", "progress"),
        ("r", "start"),
    ]
    assert world.rows("SELECT external_run_id, state, start_seen FROM runs ORDER BY 1") == [
        {"external_run_id": "q", "state": "succeeded", "start_seen": True},
        {"external_run_id": "r", "state": "failed", "start_seen": True},
    ]


async def test_progress_is_a_sign_of_life_until_the_close_and_evidence_afterwards(world, process, monitor):
    run = (await process.start(monitor, "r")).run.id
    progressed = await process.progress(monitor, run, summary="half")
    assert world.one("SELECT last_sign_at FROM runs") == progressed.received_at
    await process.success(monitor, run)
    late = await process.progress(monitor, run)
    assert [note.note for note in late.notes] == ["the run is closed; kept as evidence"]
    assert world.one("SELECT last_sign_at FROM runs") == progressed.received_at
    assert world.count("signals", "type = 'progress'") == 2


@pytest.mark.parametrize("word", ["success", "fail", "progress"])
async def test_a_close_of_a_run_that_nobody_started_is_not_found(world, process, monitor, word):
    for name in ("unknown", world.clock.new_id()):
        with pytest.raises(NotFound):
            await getattr(process, word)(monitor, name)
    assert world.count("signals") == 0


async def test_a_success_with_an_exit_code_is_a_success_with_a_note(process, monitor):
    run = (await process.start(monitor, "r")).run.id
    accepted = await process.success(monitor, run, exit_code=7)
    assert accepted.run.state is RunState.SUCCEEDED
    assert [note.field for note in accepted.notes] == ["exitCode"]


async def test_later_evidence_stands_over_earlier_and_tags_are_merged(world, process, monitor):
    run = (await process.start(monitor, "r", host="a", deploy_sha="1", tags={"x": "1", "y": "1"})).run.id
    await process.fail(monitor, run, host="b", summary="s", exit_code=2, tags={"y": "2", "z": "3"})
    (row,) = world.rows("SELECT host, deploy_sha, summary, exit_code, tags FROM runs")
    assert row == {
        "host": "b",
        "deploy_sha": "1",
        "summary": "s",
        "exit_code": 2,
        "tags": {"x": "1", "y": "2", "z": "3"},
    }


async def test_a_duration_is_the_senders_when_both_ends_gave_an_instant_and_ours_otherwise(world, process, monitor):
    now = world.clock.now()
    await process.start(monitor, "both", occurred_at=now - timedelta(hours=2))
    both = await process.success(monitor, "both", occurred_at=now - timedelta(hours=1))
    assert both.run.duration_ms == 3_600_000
    assert both.run.finished_at == now - timedelta(hours=1)
    await process.start(monitor, "one", occurred_at=now - timedelta(hours=2))
    one = await process.success(monitor, "one")
    assert one.run.duration_ms < 60_000
    await process.start(monitor, "backwards", occurred_at=now)
    backwards = await process.success(monitor, "backwards", occurred_at=now - timedelta(hours=1))
    assert (backwards.run.duration_ms, backwards.run.finished_at) == (0, now)


async def test_the_first_close_of_an_expired_run_moves_it_to_its_true_end_and_is_judged(world, process, monitor):
    run = (await process.start(monitor, "r")).run.id
    world.rows("UPDATE runs SET state = 'expired', finished_at = now(), duration_ms = 1, next_deadline_at = NULL")
    assert (await process.start(monitor, "r")).run.state is RunState.EXPIRED
    closed = await process.fail(monitor, run)
    assert closed.run.state is RunState.FAILED
    assert closed.incident.state == "open"
    assert "late_close" in closed.notes[0].note
    assert (await process.fail(monitor, run)).duplicate
    with pytest.raises(RunConflict):
        await process.success(monitor, run)


@pytest.mark.parametrize("state", ["succeeded", "failed", "expired"])
async def test_a_pruned_run_still_answers_and_never_runs_again(world, process, monitor, state):
    run_id = world.clock.new_id()
    pruned = (
        f'{{"workspaceId": "{world.workspace_id}", "state": "{state}", "startedAt": "2025-01-01T00:00:00+00:00",'
        ' "finishedAt": "2025-01-01T00:00:05+00:00", "durationMs": 5000}'
    )
    world.rows("INSERT INTO run_keys VALUES (%s, 'r', %s, %s)", monitor, run_id, pruned)
    again = await process.start(monitor, "r")
    assert (again.duplicate, again.run.id, again.run.state, again.run.duration_ms) == (True, run_id, state, 5000)
    # Its row is gone, so its end can't change any more; neighbours in the batch never hear of it.
    answers = await process.send_many(
        [
            close(SignalType.SUCCESS, monitor, "r"),
            close(SignalType.FAIL, monitor, "r"),
            start(monitor, "new"),
        ]
    )
    shown = [type(answer).__name__ for answer in answers]
    assert (
        shown
        == {
            "succeeded": ["Accepted", "RunConflict", "Accepted"],
            "failed": ["RunConflict", "Accepted", "Accepted"],
            "expired": ["RunConflict", "RunConflict", "Accepted"],
        }[state]
    )
    assert signal_types(world) == ["start"]


# --- pings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["heartbeat", "freshness", "run"])
async def test_a_ping_lands_on_a_monitor_of_any_kind_and_is_good_where_pings_are_the_promise(world, process, kind):
    monitor = world.monitor(kind=kind, max_age_seconds=60)
    accepted = await process.ping(monitor, payload='{"n": 1152921504606846976}')
    (row,) = world.rows("SELECT last_signal, last_good_signal FROM monitors")
    assert row["last_signal"]["id"] == str(accepted.signal_id)
    assert (row["last_good_signal"] is not None) == (kind != "run")
    assert world.one("SELECT payload FROM signals") == '{"n": 1152921504606846976}'


async def test_a_ping_with_a_key_lands_once_and_without_one_each_time(world, process, batch_size):
    monitor = world.monitor(kind="heartbeat")
    answers = await asyncio.gather(*(process.ping(monitor, "key") for _ in range(20)))
    assert len({(answer.signal_id, answer.received_at) for answer in answers}) == 1
    assert sum(not answer.duplicate for answer in answers) == 1
    again = await process.ping(monitor, "key")
    assert (again.duplicate, again.signal_id) == (True, answers[0].signal_id)
    plain = await asyncio.gather(*(process.ping(monitor) for _ in range(3)))
    assert not any(answer.duplicate for answer in plain)
    assert world.count("signals") == 4


async def test_a_ping_key_belongs_to_its_monitor(world, process):
    one, two = world.monitor(kind="heartbeat"), world.monitor(kind="heartbeat")
    answers = await process.send_many([ping(one, "key"), ping(two, "key"), ping(one, "key")])
    assert [answer.duplicate for answer in answers] == [False, False, True]


async def test_a_hundred_signals_of_many_monitors_keep_their_order_in_one_call(world, process):
    monitors = [world.monitor() for _ in range(5)]
    answers = await process.send_many([finish(monitors[n % 5], f"r-{n}", n % 2) for n in range(100)])
    assert [answer.run.external_run_id for answer in answers] == [f"r-{n}" for n in range(100)]
    assert [answer.monitor_id for answer in answers] == [monitors[n % 5] for n in range(100)]


async def test_a_process_that_never_saw_the_start_closes_the_run(world, two_processes, monitor):
    first, second = two_processes
    run = (await first.start(monitor, "r")).run.id
    assert (await second.success(monitor, run)).run.id == run
    async with ingest_process(world) as third:
        assert (await third.success(monitor, run)).duplicate
