"""Whose key may report on what: one answer for everything that is wrong with it, and no lock on what is not its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from tests.builders import NO_LIMITS, World, close, finish, ingest_process, outcome_of, ping, start
from tests.waiting import until

from luota_svc.model.errors import FieldProblem, InvalidIngestKey, InvalidRequest, NotFound, RateLimited
from luota_svc.model.signals import Accepted, SignalType


@pytest.fixture
def monitor(world: World):
    return world.monitor("nightly")


async def refused(awaitable) -> None:
    with pytest.raises(InvalidIngestKey) as error:
        async with asyncio.timeout(3):
            await awaitable
    # It carries nothing that could tell one reason from another.
    assert (type(error.value), error.value.args, vars(error.value)) == (InvalidIngestKey, (), {})


# --- tokens --------------------------------------------------------------------------------------------------------


async def test_a_missing_or_mistyped_token_is_refused(world, process, monitor):
    token, other = world.token, world.make_key().token
    prefix, key_id, secret = token.split(".")
    wrong = [
        "",
        "nonsense",
        token[:-1],
        token + "A",
        f"wfmn1.{key_id}.{secret}",
        f"{prefix}.{key_id}.{other.split('.')[2]}",
        f"{prefix}.{world.clock.new_id()}.{secret}",
    ]
    for text in wrong:
        call = process.call()
        call.credentials = (text,) if text else ()
        await refused(process.ingest.report(call, start(monitor, "r")))
    call = process.call()
    call.credentials = (token, other)
    await refused(process.ingest.report(call, start(monitor, "r")))
    assert world.count("signals") == 0
    assert process.used == []


@pytest.mark.parametrize("dead", ["revoked_at = now()", "expires_at = now()", "expires_at = now() - interval '1 s'"])
async def test_a_dead_key_is_refused_by_the_next_call_of_every_process(world, two_processes, monitor, dead):
    for process in two_processes:
        await process.start(monitor, "warm")
    world.rows(f"UPDATE ingest_keys SET {dead}")
    for process in two_processes:
        await refused(process.start(monitor, "r"))
        await refused(process.progress(monitor, "warm"))
    async with ingest_process(world) as newcomer:
        await refused(newcomer.start(monitor, "warm"))
    assert world.count("signals") == 1


async def test_a_key_that_expires_later_is_accepted_by_the_databases_clock(world, process, monitor):
    world.rows("UPDATE ingest_keys SET expires_at = now() + interval '1 hour'")
    await process.start(monitor, "r")


async def test_a_key_that_is_rotated_while_its_signal_waits_for_a_lock_is_refused(world, process, monitor):
    await process.start(monitor, "warm")
    with psycopg.connect(world.url) as holder:
        holder.execute("SELECT 1 FROM monitors WHERE id = %s FOR UPDATE", (monitor,))
        call = asyncio.create_task(outcome_of(process.start(monitor, "r")))
        await until(world.waiting)
        world.rows("UPDATE ingest_keys SET revoked_at = now()")
        holder.rollback()
    assert isinstance(await call, InvalidIngestKey)
    assert world.count("runs") == 1


async def test_a_dead_key_hides_whether_a_run_exists(world, process, monitor):
    run = (await process.start(monitor, "r")).run.id
    with pytest.raises(NotFound):
        await process.success(monitor, world.clock.new_id())
    world.rows("UPDATE ingest_keys SET revoked_at = now()")
    await refused(process.success(monitor, run))
    await refused(process.success(monitor, world.clock.new_id()))


# --- whose monitor -------------------------------------------------------------------------------------------------


async def test_a_monitors_key_reports_on_its_own_monitor_by_id_slug_and_run(world, process, monitor):
    token = world.make_key(monitor_id=monitor).token
    run = (await process.send(start(monitor, "a"), token)).run.id
    await process.send(start("nightly", "b"), token)
    await process.send(close(SignalType.SUCCESS, monitor, run), token)
    await process.send(close(SignalType.SUCCESS, "nightly", "b"), token)
    assert world.count("signals") == 4
    assert {facts.monitor_id for facts in process.used} == {monitor}


async def test_a_monitors_key_is_refused_for_every_other_monitor(world, process, monitor):
    token = world.make_key(monitor_id=monitor).token
    neighbour = world.monitor("neighbour")
    run = (await process.start(neighbour, "r")).run.id
    for report in (
        start(neighbour, "x"),
        start("neighbour", "x"),
        start("no-such", "x"),
        start(world.clock.new_id(), "x"),
        close(SignalType.FAIL, neighbour, run),
        close(SignalType.FAIL, neighbour, "r"),
        ping(neighbour),
    ):
        await refused(process.send(report, token))
    async with ingest_process(world) as stranger:
        await refused(stranger.send(close(SignalType.FAIL, neighbour, run), token))
    assert world.count("signals") == 1


async def test_a_workspaces_key_reports_on_its_monitors_by_id_and_slug_and_on_no_others(world, process, monitor):
    theirs = world.workspace()
    foreign = world.monitor("foreign", theirs)
    namesake = world.monitor("nightly", theirs)
    their_token = world.make_key(theirs).token
    their_run = (await process.send(start(foreign, "r"), their_token)).run.id
    assert (await process.start("nightly", "a")).monitor_id == monitor
    assert (await process.send(start("nightly", "a"), their_token)).monitor_id == namesake
    for report in (
        start(foreign, "x"),
        start("foreign", "x"),
        start(world.clock.new_id(), "x"),
        close(SignalType.FAIL, foreign, their_run),
        close(SignalType.FAIL, foreign, "r"),
        ping(foreign),
    ):
        await refused(process.send(report))
    assert world.count("runs", "state = 'failed'") == 0


async def test_a_path_that_names_another_workspace_is_refused(world, process):
    monitor = world.monitor(kind="heartbeat")
    await process.send(replace(ping(monitor), workspace_id=world.workspace_id))
    await refused(process.send(replace(ping(monitor), workspace_id=world.workspace())))
    await refused(process.send(replace(ping(monitor), workspace_id=world.clock.new_id())))


async def test_a_deleted_monitor_is_as_if_it_were_not(world, process, monitor):
    token = world.make_key(monitor_id=monitor).token
    run = (await process.start(monitor, "r")).run.id
    world.rows("UPDATE monitors SET deleted_at = now()")
    for report in (start(monitor, "x"), start("nightly", "x"), close(SignalType.FAIL, monitor, run)):
        await refused(process.send(report))
        await refused(process.send(report, token))
    # Its slug is free again; the new one is another monitor.
    again = world.monitor("nightly")
    assert (await process.start("nightly", "r")).monitor_id == again
    await refused(process.send(start("nightly", "x"), token))


async def test_a_foreign_key_never_waits_for_and_never_locks_anothers_monitor(world, process, monitor):
    foreign = world.monitor("foreign", world.workspace())
    run = world.clock.new_id()
    world.rows(
        "INSERT INTO runs (id, workspace_id, monitor_id, external_run_id, state, started_at, start_occurred,"
        " start_seen, received_at, last_sign_at, request_id, timeout_at)"
        " SELECT %s, workspace_id, id, 'r', 'running', now(), false, true, now(), now(), 'req', now()"
        " FROM monitors WHERE id = %s",
        run,
        foreign,
    )
    token = world.make_key(monitor_id=monitor).token
    reports = [start(foreign, "x"), close(SignalType.FAIL, foreign, run), close(SignalType.FAIL, foreign, "r")]
    with psycopg.connect(world.url) as holder:
        holder.execute("SELECT 1 FROM monitors WHERE id = %s FOR UPDATE", (foreign,))
        for report in reports:
            await refused(process.send(report))
            await refused(process.send(report, token))
        # Not even where a neighbour in the batch is held, so that the process asks who is locked.
        own = world.monitor("own")
        holder.execute("SELECT 1 FROM monitors WHERE id = %s FOR UPDATE", (own,))
        call = asyncio.create_task(process.send_many([*reports, start(own, "a"), start(monitor, "a")]))
        await until(lambda: process.lanes._held_monitors)
        assert process.lanes._held_monitors == {own}
        holder.rollback()
    answers = await call
    assert [type(answer) for answer in answers] == [InvalidIngestKey] * 3 + [Accepted] * 2


# --- what may be said ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["heartbeat", "freshness"])
async def test_run_calls_on_monitors_of_other_kinds_are_invalid_and_say_which_field(world, process, kind):
    monitor = world.monitor(kind=kind, max_age_seconds=60)
    for report in (start(monitor, "r"), finish(monitor, "r"), close(SignalType.PROGRESS, monitor, "r")):
        with pytest.raises(InvalidRequest) as invalid:
            await process.send(report)
        assert (invalid.value.problems[0].field, kind in invalid.value.problems[0].problem) == ("monitorId", True)
    assert world.count("signals") == 0


async def test_one_bad_member_never_hurts_its_neighbours(world, process, monitor):
    heartbeat, foreign = world.monitor(kind="heartbeat"), world.monitor("foreign", world.workspace())
    answers = await process.send_many(
        [
            start(monitor, "a"),
            start(heartbeat, "a"),
            start(foreign, "a"),
            close(SignalType.FAIL, monitor, "nobody"),
            close(SignalType.SUCCESS, monitor, "a"),
            close(SignalType.FAIL, monitor, "a"),
            ping(heartbeat),
        ]
    )
    assert [type(answer).__name__ for answer in answers] == [
        "Accepted",
        "InvalidRequest",
        "InvalidIngestKey",
        "NotFound",
        "Accepted",
        "RunConflict",
        "Accepted",
    ]
    assert world.count("signals") == 3


async def test_a_signal_that_could_not_be_read_keeps_its_place(world, process, monitor):
    unreadable = InvalidRequest(FieldProblem("externalRunId", "is required"))
    answers = await process.send_many([unreadable, start(monitor, "a"), unreadable])
    assert (answers[0], answers[1].run.external_run_id, answers[2]) == (unreadable, "a", unreadable)
    assert await process.send_many([unreadable]) == [unreadable]


async def test_a_batch_of_nothing_but_unreadable_signals_is_answered_one_by_one(process):
    unreadable = [InvalidRequest(FieldProblem("type", "is required")), InvalidRequest(FieldProblem("x", "is odd"))]
    assert await process.ingest.report_many(process.call(), unreadable) == unreadable
    assert process.used == []


async def test_a_key_counts_as_used_only_where_a_signal_landed(world, process, monitor):
    await process.send_many([start(world.clock.new_id(), "r")])
    assert process.used == []
    await process.send_many([start(world.clock.new_id(), "r"), start(monitor, "r")])
    assert [facts.key_id for facts in process.used] == [world.key.id]


# --- limits --------------------------------------------------------------------------------------------------------


async def test_a_workspaces_own_limit_goes_before_the_installations_and_is_learnt_without_a_restart(world, monitor):
    limits = replace(NO_LIMITS, monitor_token_minute=2)
    async with ingest_process(world, limits=limits) as process:
        await process.start(monitor, "a")
        await process.start(monitor, "b")
        with pytest.raises(RateLimited) as refusal:
            await process.start(monitor, "c")
        assert (refusal.value.policy, refusal.value.limit) == ("ingest.monitor_token.minute", 2)
        world.rows("UPDATE workspaces SET limit_monitor_token_minute = 5")
        await process.start(world.monitor(), "a")
        for run in "cde":
            await process.start(monitor, run)
        with pytest.raises(RateLimited):
            await process.start(monitor, "f")


async def test_in_a_batch_the_refused_signals_stand_in_their_places(world, monitor):
    async with ingest_process(world, limits=replace(NO_LIMITS, monitor_token_minute=2)) as process:
        answers = await process.send_many([start(monitor, str(n)) for n in range(4)])
    assert [type(answer).__name__ for answer in answers] == ["Accepted", "Accepted", "RateLimited", "RateLimited"]
    assert world.count("runs") == 2


async def test_a_wrong_token_is_charged_to_its_address_alone(world, monitor):
    limits = replace(NO_LIMITS, monitor_token_minute=5, source_ip_minute=5)
    prefix, key_id, _ = world.token.split(".")
    forged = f"{prefix}.{key_id}.{world.make_key().token.split('.')[2]}"
    async with ingest_process(world, limits=limits) as process:
        for _ in range(5):
            await refused(process.send(start(monitor, "r"), forged))
        with pytest.raises(RateLimited) as refusal:
            await process.send(start(monitor, "r"), forged)
        assert refusal.value.policy == "ingest.source_ip.minute"
        call = process.call()
        call.source_address = "192.0.2.2"
        await process.ingest.report(call, start(monitor, "r"))


@pytest.mark.parametrize("dead", ["revoked_at = now()", "expires_at = now()"])
async def test_a_token_that_was_taken_away_drains_no_bucket_of_its_workspace(world, monitor, dead):
    taken_away = world.make_key()
    async with ingest_process(world, limits=replace(NO_LIMITS, workspace_minute=3)) as process:
        world.rows(f"UPDATE ingest_keys SET {dead} WHERE id = %s", taken_away.token.split(".")[1])
        for _ in range(6):
            await refused(process.send(start(monitor, "r"), taken_away.token))
        # The first of them was the one that told: it had paid as a living key does.
        await process.start(monitor, "a")
        await process.start(monitor, "b")


async def test_closes_of_many_runs_that_another_process_started_share_no_bucket(world):
    monitors = [world.monitor() for _ in range(3)]
    limits = replace(NO_LIMITS, monitor_token_minute=1)
    async with ingest_process(world) as first, ingest_process(world, limits=limits) as second:
        runs = [(await first.start(monitor, "r")).run.id for monitor in monitors]
        for run in runs:
            await second.success(monitors[0], run)


async def test_a_monitor_called_by_its_slug_and_by_its_id_has_one_bucket(world):
    key, monitor = world.make_key(), world.monitor()
    (row,) = world.rows("SELECT slug FROM monitors WHERE id = %s", monitor)
    async with ingest_process(world, limits=replace(NO_LIMITS, monitor_token_minute=3)) as process:
        by_slug = replace(start(monitor, "a"), monitor_id=None, monitor=row["slug"])
        await process.send(by_slug, key.token)  # the first one tells whose slug it is, in a bucket of the slug's own
        for run in ("b", "c", "d"):
            await process.send(replace(by_slug, external_run_id=run), key.token)
        with pytest.raises(RateLimited):
            await process.send(start(monitor, "e"), key.token)


async def test_a_senders_clock_that_is_far_behind_never_moves_the_receipt(world, process, monitor):
    early = await process.start(monitor, "r", occurred_at=world.clock.now() - timedelta(days=400))
    (row,) = world.rows("SELECT received_at, timeout_at FROM runs")
    assert row["received_at"] == early.received_at
    assert row["timeout_at"] == early.received_at + timedelta(days=1)
