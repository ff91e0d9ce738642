"""What workers, ingest and other releases do to one another at the worst moment: words stay in order, none is stuck."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from tests.management import make_caller
from tests.postroom import GONE, OVERLOADED, TOOK_IT, PostRoom, ids, post_room, told
from tests.waiting import until

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.model.operators import Role
from luota_svc.model.routes import RouteKind
from luota_svc.store import deliveries, duties
from luota_svc.store.catalogue import load_catalogue
from luota_svc.usecases import routes

INGEST = {name: text.replace("%b", "%s") for name, text in load_catalogue("ingest").items()}
# As the outbox gathers: one duty tells the word of another.
GATHER = """
WITH held AS MATERIALIZED (
    SELECT id FROM deliveries WHERE id IN (%(leader)s, %(duty)s) ORDER BY id FOR NO KEY UPDATE
), moved AS (
    UPDATE delivery_incidents di SET delivery_id = %(leader)s FROM held
    WHERE di.delivery_id = held.id AND held.id = %(duty)s
)
UPDATE deliveries d
SET state = 'cancelled', settled_at = now(), next_attempt_at = NULL, gathered_into = %(leader)s
FROM held
WHERE d.id = held.id AND held.id = %(duty)s
"""


@pytest.fixture
async def room(database_url) -> AsyncIterator[PostRoom]:
    async with post_room(database_url, sessions=8) as room:
        yield room


async def take_back(connection: psycopg.AsyncConnection, delivery: UUID, incident: UUID, now) -> None:
    """Take a word back, as the fact's transaction does when an incident ends; its duties were locked before."""
    await connection.execute(INGEST["end_live"], ([delivery], [incident]))
    await connection.execute(INGEST["cancel_spent"], (now, [delivery]))


async def test_a_settle_that_waits_for_an_end_sees_that_its_word_was_taken_back(room, database_url):
    incident = room.incident()
    duty = room.duty(room.route(), incident)
    outbox = room.outbox()
    (claimed,) = (await outbox.claim(32)).claimed
    async with await psycopg.AsyncConnection.connect(database_url) as fact:
        await fact.execute(INGEST["lock_told"], ([incident],))
        await take_back(fact, duty, incident, room.clock.now())
        settling = asyncio.create_task(room.settle(outbox, OVERLOADED, claimed))
        await until(room.world.waiting)
        await fact.commit()
    await settling
    # Waiting for a retry it would tell that the incident opened, after its end was told.
    assert room.delivery(duty)["state"] == "cancelled"


async def test_a_word_that_was_gathered_while_its_incident_ended_is_taken_back_from_who_tells_it(room, database_url):
    route, over, incident = room.route(), room.incident(), room.incident()
    leader = room.duty(route, over)
    room.world.rows("UPDATE delivery_incidents SET live = false WHERE incident_id = %s", over)
    duty = room.duty(route, incident)
    outbox = room.outbox()
    async with (
        await psycopg.AsyncConnection.connect(database_url) as fact,
        await psycopg.AsyncConnection.connect(database_url) as worker,
    ):
        await worker.execute(GATHER, {"leader": leader, "duty": duty})
        holding = asyncio.create_task(fact.execute(INGEST["lock_told"], ([incident],)))
        await until(room.world.waiting)
        await worker.commit()
        # It waited for one that is over by now, and holds nothing of the other.
        assert await (await holding).fetchall() == [(duty,)]
        (claimed,) = (await outbox.claim(32)).claimed
        await take_back(fact, leader, incident, room.clock.now())
        settling = asyncio.create_task(room.settle(outbox, OVERLOADED, claimed))
        await until(room.world.waiting)
        await fact.commit()
    await settling
    assert (claimed.id, room.delivery(leader)["state"]) == (leader, "cancelled")


async def test_a_word_that_its_leader_named_before_goes_by_itself(room):
    route = room.route()
    acknowledged, other = room.incident(), room.incident()
    leader = room.duty(route, acknowledged, other, reason="escalation")
    room.world.rows("UPDATE delivery_incidents SET live = false WHERE incident_id = %s", acknowledged)
    room.pass_time(1)
    anew = room.duty(route, acknowledged, reason="escalation")
    room.news(route, 6, reason="escalation")
    claim = await room.outbox().claim(32)
    assert set(ids(claim.claimed)) == {leader, anew}
    by_id = {each.id: told(each) for each in claim.claimed}
    assert (str(acknowledged) in by_id[leader], by_id[anew]) == (False, {str(acknowledged)})


@pytest.mark.parametrize(("outcome", "state"), [(GONE, "failed_retrying"), (TOOK_IT, "delivered")])
async def test_an_attempt_that_began_before_its_route_was_repaired_says_nothing_of_the_repaired_one(
    room, outcome, state
):
    operator = await make_caller(room.installation, Role.OPERATOR, room.world.workspace_id)
    route = room.route("https://hooks.example/old-0123456789")
    (duty,) = room.news(route)
    outbox = room.outbox()
    (claimed,) = (await outbox.claim(32)).claimed
    repaired = {RouteKind.WEBHOOK: {"url": "https://hooks.example/new-0123456789"}}
    await routes.update_route(room.installation, operator.call(), route, {}, repaired, None)
    await room.settle(outbox, outcome, claimed)
    assert room.world.one("SELECT state FROM alert_routes") == "unproven"
    assert room.delivery(duty)["state"] == state
    if state == "failed_retrying":
        (again,) = await room.work(outbox, TOOK_IT)
        assert (again.number, again.target["url"]) == (2, "https://hooks.example/new-0123456789")
        assert room.world.one("SELECT state FROM alert_routes") == "proven"


async def test_what_was_written_while_its_route_moved_goes_where_that_leads_and_is_judged_by_it(room):
    route = room.route()
    before = room.route("https://hooks.example/before")
    destination = room.world.one("SELECT destination FROM alert_routes WHERE id = %s", before)
    (duty,) = room.news(route, destination=destination)
    await room.work(room.outbox(), OVERLOADED)
    row = room.delivery(duty)
    assert row["destination"] == room.world.one("SELECT destination FROM alert_routes WHERE id = %s", route)
    assert (row["attempt_count"], row["deferral_count"]) == (1, 0)


@pytest.mark.parametrize("how", ["a test alert", "one that was refused before", "news"])
async def test_what_was_refused_is_due_when_its_route_takes_something_again(room, how):
    refused = Outcome(OutcomeKind.REFUSED, error="It answered 404", http_status=404)
    route = room.route(kind="pagerduty")
    duties = room.news(route, 3)
    outbox = room.outbox()
    for _ in range(4):
        await room.work(outbox, refused)
        room.pass_time(145)
    # The next attempts are ten minutes away.
    assert (await outbox.claim(32)).claimed == []
    if how == "a test alert":
        room.duty(route, reason="test")
    elif how == "news":
        room.news(route)
    else:
        room.world.rows("UPDATE deliveries SET next_attempt_at = %s WHERE id = %s", room.clock.now(), duties.pop())
    assert len(await room.work(outbox, TOOK_IT)) == 1
    assert set(ids((await outbox.claim(32)).claimed)) == set(duties)


async def test_a_throttling_that_names_an_instant_is_honoured_though_others_are_taken(room):
    throttled = Outcome(OutcomeKind.THROTTLED, error="It answered 429", http_status=429, retry_after_seconds=300)
    route = room.route(kind="pagerduty")
    outbox = room.outbox()
    room.news(route, 2)
    await room.work(outbox, throttled)
    room.news(route)
    assert len(await room.work(outbox, TOOK_IT)) == 1
    assert (await outbox.claim(32)).claimed == []


async def test_a_critical_one_at_the_end_of_a_crowd_is_not_held_for_longer_than_thirty_seconds(room):
    route, outbox = room.route(), room.outbox()
    room.news(route, 7)
    await room.work(outbox, TOOK_IT)
    room.pass_time(0.1)
    room.news(route, 7)
    room.pass_time(0.1)
    (critical,) = room.news(route, rank=4)
    room.pass_time(29.4)
    (claimed,) = await room.work(outbox, TOOK_IT)
    assert room.delivery(critical)["gathered_into"] == claimed.id


async def test_of_more_destinations_than_a_look_holds_those_that_must_wait_keep_nobody_waiting(room):
    outbox, storms = room.outbox(), [room.route(f"https://hooks.example/storm-{number}") for number in range(70)]
    ends_at = room.clock.now() + timedelta(minutes=1)
    room.world.rows(
        "UPDATE destinations SET last_message_at = %s, messages_in_row = 9, storm_until = %s", room.clock.now(), ends_at
    )
    for route in storms:
        room.news(route)
    room.pass_time(1)
    calm = [room.news(room.route(f"https://hooks.example/calm-{number}"))[0] for number in range(10)]
    claimed, looks = [], 0
    while True:
        claim = await outbox.claim(32)
        claimed += ids(claim.claimed)
        looks += 1
        # As a worker looks: at once where something was claimed or the round goes on.
        if not claim.claimed and claim.look_again_at != room.clock.now():
            break
    assert sorted(claimed) == sorted(calm)
    assert looks <= 6
    assert claim.look_again_at > room.clock.now()


@pytest.mark.parametrize(("in_flight_most", "flying", "taken"), [(4, 3, 1), (4, 4, 0), (4, 5, 0), (1, 1, 0), (1, 0, 1)])
async def test_what_another_worker_claimed_while_a_look_went_on_is_counted(room, in_flight_most, flying, taken):
    others = room.news(room.route(), 10, reason="test")
    now = room.clock.now()
    async with deliveries.outbox_transaction(room.installation.database) as transaction:
        (found,) = await transaction.free_destinations(now, 8, after=deliveries.START)
        assert found.in_flight == 0
        # As the claim of another worker, whose COMMIT came after this look had begun.
        room.world.rows(
            "UPDATE deliveries SET state = 'sending', next_attempt_at = NULL, lease_until = now() + interval '45 s'"
            " WHERE id = ANY(%s)",
            others[:flying],
        )
        offered = deliveries.Room(found.key, in_flight_most, first_words=4, in_flight_most=in_flight_most)
        rows = await transaction.take([offered], now, most=32, worker="w-1", lease_seconds=45.0)
    assert len(rows) == taken


@pytest.mark.parametrize("half_open", [False, True])
async def test_workers_that_claim_at_once_never_pass_the_bulkhead(room, half_open):
    room.news(room.route(per_second=100), 60, reason="test")
    outboxes = [room.outbox(f"w-{number}") for number in range(3)]
    most = 1 if half_open else 4
    for _ in range(40):
        if half_open:
            room.world.rows(
                "UPDATE destinations SET failures_in_row = 5, open_seconds = 30, open_until = %s", room.clock.now()
            )
        claims = await asyncio.gather(*(outbox.claim(32) for outbox in outboxes))
        assert room.world.count("deliveries", "lease_until IS NOT NULL") <= most
        for outbox, claim in zip(outboxes, claims, strict=True):
            await outbox.release(claim.claimed)
        room.pass_time(1)


async def test_an_incident_with_a_long_past_is_read_in_a_few_rows(room):
    route, incident = room.route(), room.incident()
    now = room.clock.now()
    for number in range(1, 51):
        room.duty(
            route,
            incident,
            reason="reminder",
            sequence=number,
            state="delivered" if number % 2 else "failed_terminal",
            settled_at=now,
            next_attempt_at=None,
        )
        room.world.rows("UPDATE delivery_incidents SET live = false")
    live = room.duty(route, incident, reason="reminder", sequence=51)
    async with room.installation.database.unit() as unit:
        read = await duties.lock_told(unit, incident)
    assert {(row.state, row.sequence) for row in read} == {("delivered", 49), ("failed_terminal", 50), ("pending", 51)}
    assert [row.delivery_id for row in read if row.state == "pending"] == [live]


async def test_a_breaker_that_no_route_leads_to_any_more_is_not_counted(room):
    kept, gone = room.route("https://hooks.example/kept"), room.route("https://hooks.example/gone")
    room.world.rows("UPDATE destinations SET failures_in_row = 5, open_seconds = 30, open_until = %s", room.clock.now())
    outbox = room.outbox()
    assert (await outbox.standing()).breakers_half_open == 2
    room.world.rows("UPDATE alert_routes SET deleted_at = %s, target = '' WHERE id = %s", room.clock.now(), gone)
    assert (await outbox.standing()).breakers_half_open == 1
    room.world.rows("UPDATE destinations SET open_until = %s", room.clock.now() + timedelta(seconds=1))
    assert (await outbox.standing()).breakers_open == 1
    assert room.world.one("SELECT enabled FROM alert_routes WHERE id = %s", kept)


@pytest.mark.parametrize("kind", ["webhook", "pagerduty"])
async def test_a_worker_whose_clock_was_minutes_ahead_and_is_gone_holds_nobody_up(room, kind):
    (duty,) = room.news(room.route(kind=kind))
    ahead = room.clock.now() + timedelta(minutes=5)
    room.world.rows(
        "UPDATE destinations SET claimed_second = %s, claimed_in_second = 10, last_message_at = %s,"
        " messages_in_row = 9, storm_until = %s",
        ahead,
        ahead,
        ahead + timedelta(minutes=1),
    )
    assert ids((await room.outbox().claim(32)).claimed) == [duty]


@pytest.mark.parametrize("frozen", ['{"healthySignal": 7}', '{"promise": 3, "badDaySignal": []}', "{}"])
async def test_an_alert_that_cannot_be_composed_tells_less_and_keeps_no_other_waiting(room, frozen):
    odd = room.incident()
    packet = "INSERT INTO incident_packets (incident_id, frozen, digest) VALUES (%s, %s, sha256(''))"
    room.world.rows(packet, odd, frozen)
    reduced = room.duty(room.route("https://hooks.example/odd"), odd)
    (whole,) = room.news(room.route("https://hooks.example/whole"))
    claimed = {each.id: each for each in (await room.outbox().claim(32)).claimed}
    assert set(claimed) == {reduced, whole}
    assert told(claimed[reduced]) == {str(odd)}


async def test_what_a_release_before_wrote_is_due_since_it_was_made(room):
    (duty,) = room.news(room.route(), due_at=None)
    (claimed,) = (await room.outbox().claim(32)).claimed
    assert claimed.due_at == room.delivery(duty)["created_at"]
