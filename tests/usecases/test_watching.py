"""Watching: every happening once and in order, whatever breaks and whoever commits late; and who may not go on."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from tests.builders import finish
from tests.management import make_caller
from tests.waiting import until

from luota_svc.model.errors import InvalidOperatorToken, InvalidRequest, NotFound, Unavailable, WatcherTooSlow
from luota_svc.model.operators import Role
from luota_svc.model.watching import Place, Scope
from luota_svc.usecases.incidents import add_note
from luota_svc.usecases.watching import Watching

WAIT = 10.0
MONITORS = 100
ROUNDS = 5


@pytest.fixture
async def replicas(installation):
    """Two processes that people may watch at."""
    pair = [Watching(installation, poll_seconds=0.01, quiet_seconds=0.05) for _ in range(2)]
    yield pair
    for watching in pair:
        await watching.stop()


@pytest.fixture
async def viewer(installation, world):
    return await make_caller(installation, Role.VIEWER, world.workspace_id)


@pytest.fixture
async def operator(installation, world):
    return await make_caller(installation, Role.OPERATOR, world.workspace_id)


@pytest.fixture
async def incident(world, process):
    """An incident that stands."""
    return (await process.finish(world.monitor(), "r", 1)).incident


@asynccontextmanager
async def heard(watching, caller, scope, cursor=None):
    """Give the words that a watcher hears, within a bound each."""
    async with aclosing(watching.watch(caller.call(), scope, cursor)) as words:

        async def word():
            async with asyncio.timeout(WAIT):
                return await anext(words)

        yield word


async def next_happening(word):
    while True:
        told = await word()
        if told.happening is not None:
            return told


async def begin(watching, caller, scope):
    """Return the cursor of this moment."""
    async with heard(watching, caller, scope) as word:
        return (await word()).cursor


def written(world) -> list[Place]:
    """Return what was written to all timelines, in the order of watching."""
    rows = world.rows("SELECT transaction_id::text AS t, position AS p FROM incident_events ORDER BY transaction_id, 2")
    return [Place(int(row["t"]), row["p"]) for row in rows]


async def test_a_watcher_cut_off_twenty_times_hears_each_of_five_hundred_incidents_changes_once_and_in_order(
    installation, world, two_processes, replicas, viewer
):
    monitors = [world.monitor() for _ in range(MONITORS)]
    scope = Scope(world.workspace_id, None)
    cursor = await begin(replicas[0], viewer, scope)

    async def happen(process, mine):
        for number in range(ROUNDS):
            for exit_code in (1, 0):
                sent = [process.finish(monitor, f"{number}-{exit_code}", exit_code) for monitor in mine]
                await asyncio.gather(*sent)

    happening = asyncio.gather(
        happen(two_processes[0], monitors[: MONITORS // 2]), happen(two_processes[1], monitors[MONITORS // 2 :])
    )
    expected = MONITORS * ROUNDS * 3  # opened, recovered, resolved
    places = []
    for connection in range(21):
        enough = expected if connection == 20 else len(places) + expected // 25
        async with heard(replicas[connection % 2], viewer, scope, cursor) as word:
            while len(places) < enough:
                told = await word()
                cursor = told.cursor
                if told.happening is not None:
                    places.append(told.happening.place)
    await happening
    assert places == written(world)
    assert len(places) == expected
    assert world.count("incidents") == MONITORS * ROUNDS


async def test_a_commit_that_takes_long_is_waited_for_and_never_overtaken(
    installation, world, incident, replicas, viewer, operator
):
    async with heard(replicas[0], viewer, Scope(None, incident.id)) as word:
        await word()
        with psycopg.connect(world.url) as slow:
            slow.execute(
                "INSERT INTO incident_events (incident_id, number, event, at, actor, detail)"
                " VALUES (%s, 99, 'note', now(), 'slow', 'first')",
                (incident.id,),
            )
            await add_note(installation, operator.call(), incident.id, note="second", version=None)
            for _ in range(3):  # the reader looked again and again, and told nothing
                assert (await word()).happening is None
            slow.commit()
        said = [(await next_happening(word)).happening.entry.detail for _ in range(2)]
    assert said == ["first", "second"]


async def test_a_watcher_hears_of_its_own_workspace_and_incident_only(
    installation, world, process, replicas, viewer, operator, incident
):
    other = (await process.finish(world.monitor(), "r", 1)).incident
    stranger = world.workspace()
    monitor, key = world.monitor(workspace_id=stranger), world.make_key(stranger)
    async with (
        heard(replicas[0], viewer, Scope(world.workspace_id, None)) as of_workspace,
        heard(replicas[0], viewer, Scope(world.workspace_id, incident.id)) as of_incident,
    ):
        await of_workspace()
        await of_incident()
        async with asyncio.timeout(WAIT):
            await process.send(finish(monitor, "r", 1), key.token)
        for each in (other, incident):
            await add_note(installation, operator.call(), each.id, note=str(each.id), version=None)
        said = [(await next_happening(of_workspace)).happening for _ in range(2)]
        assert [happening.entry.detail for happening in said] == [str(other.id), str(incident.id)]
        assert said[1].incident.event_count == 2
        assert (await next_happening(of_incident)).happening.entry.detail == str(incident.id)


async def test_a_revoked_token_ends_the_stream(installation, world, viewer):
    watching = Watching(installation, poll_seconds=0.01, admit_seconds=0.05)
    async with heard(watching, viewer, Scope(world.workspace_id, None)) as word:
        await word()
        world.rows("UPDATE operator_tokens SET revoked_at = now() WHERE id = %s", viewer.id)
        with pytest.raises(InvalidOperatorToken):
            await word()
    await watching.stop()


async def test_a_busy_stream_is_admitted_anew_as_well(installation, world, incident, viewer, operator):
    watching = Watching(installation, poll_seconds=0.01, admit_seconds=0.0)
    async with heard(watching, viewer, Scope(world.workspace_id, None)) as word:
        await word()
        await add_note(installation, operator.call(), incident.id, note="n", version=None)
        world.rows("UPDATE operator_tokens SET revoked_at = now() WHERE id = %s", viewer.id)
        with pytest.raises(InvalidOperatorToken):
            await word()
    await watching.stop()


async def test_who_does_not_listen_is_cut_off_and_goes_on_from_the_last_cursor(
    installation, world, incident, viewer, operator
):
    watching = Watching(installation, poll_seconds=0.01, queue_max=3)
    scope = Scope(None, incident.id)
    async with heard(watching, viewer, scope) as word:
        cursor = (await word()).cursor
        for number in range(5):
            await add_note(installation, operator.call(), incident.id, note=f"{number}", version=None)
        last = written(world)[-1]
        await until(lambda: watching._place > last)
        with pytest.raises(WatcherTooSlow):
            await word()
    async with heard(watching, viewer, scope, cursor) as word:
        said = [(await next_happening(word)).happening.entry.detail for _ in range(5)]
    assert said == ["0", "1", "2", "3", "4"]
    await watching.stop()


async def test_a_cursor_that_is_lost_is_told_to_list_again(installation, world, replicas, viewer):
    scope = Scope(world.workspace_id, None)
    cursor = await begin(replicas[0], viewer, scope)
    ahead = Place(cursor.place.transaction_id + 1_000_000, 0)
    lost = [replace(cursor, cluster="7.00000001"), replace(cursor, place=ahead)]
    for each in lost:
        with pytest.raises(InvalidRequest, match=r"cursor: is too old, or of another database than this: .*list again"):
            async with heard(replicas[0], viewer, scope, each) as word:
                await word()
    installation.clock.advance(7 * 86_400)
    async with heard(replicas[0], viewer, scope, cursor) as word:
        renewed = (await word()).cursor
    installation.clock.advance(1)
    with pytest.raises(InvalidRequest, match="cursor"):
        await begin_at(replicas[0], viewer, scope, cursor)
    assert await begin_at(replicas[0], viewer, scope, renewed)


async def begin_at(watching, caller, scope, cursor):
    async with heard(watching, caller, scope, cursor) as word:
        return await word()


async def test_a_promoted_or_restored_server_ends_every_stream(world, replicas, viewer):
    async with heard(replicas[0], viewer, Scope(world.workspace_id, None)) as word:
        await word()
        replicas[0]._cluster = "what it was before"
        with pytest.raises(InvalidRequest, match="list again"):
            await next_happening(word)


async def test_strangers_may_not_know_what_they_cannot_watch(world, incident, house, replicas, viewer):
    nobody = UUID(int=0)
    for caller, scope in (
        (house.charlie, Scope(world.workspace_id, None)),
        (house.charlie, Scope(None, incident.id)),
        (viewer, Scope(house.ours, None)),
        (viewer, Scope(None, nobody)),
        (house.root, Scope(house.ours, incident.id)),
        (house.root, Scope(nobody, None)),
    ):
        with pytest.raises(NotFound):
            await begin(replicas[0], caller, scope)
    assert replicas[0].watcher_count == 0


async def test_the_reader_runs_only_while_somebody_watches_and_misses_nothing_in_between(
    installation, world, incident, replicas, viewer, operator
):
    scope = Scope(None, incident.id)
    cursor = await begin(replicas[0], viewer, scope)
    await until(replicas[0]._reader.done)
    await add_note(installation, operator.call(), incident.id, note="between", version=None)
    async with heard(replicas[0], viewer, scope, cursor) as word:
        assert (await next_happening(word)).happening.entry.detail == "between"


async def test_more_than_so_many_are_told_to_come_again(installation, world, viewer):
    watching = Watching(installation, watchers_max=1)
    scope = Scope(world.workspace_id, None)
    async with heard(watching, viewer, scope) as word:
        await word()
        with pytest.raises(Unavailable):
            await begin(watching, viewer, scope)
    await begin(watching, viewer, scope)
    await watching.stop()
