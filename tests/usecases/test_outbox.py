"""The outbox on a real PostgreSQL: claims, leases, fences, ends, and the order of words."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from tests.postroom import DELAYS, GONE, OVERLOADED, TOOK_IT, ids

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.store.vault import Vault
from luota_svc.usecases.deliveries import Outbox

# --- claims and leases -----------------------------------------------------------------------------------------------


async def test_a_due_duty_is_claimed_once_by_however_many_look_at_once(room):
    routes = [room.route(f"https://hooks.example/{number}") for number in range(20)]
    duties = {room.news(route)[0] for route in routes}
    claims = await asyncio.gather(*(room.outbox(f"w-{number}").claim(32) for number in range(5)))
    claimed = [each.id for claim in claims for each in claim.claimed]
    # A destination that one holds the others pass by; nobody waits, and the next look takes it.
    claimed += ids((await room.outbox().claim(32)).claimed)
    assert sorted(claimed) == sorted(duties)


async def test_a_crowd_is_walked_from_one_destination_to_the_next_and_none_is_passed_over(room):
    routes = [room.route(f"https://hooks.example/{number}") for number in range(50)]
    for route in routes:
        for _ in range(5):
            room.duty(route, reason="test")
    outbox, claimed = room.outbox(), []
    looks = 0
    while claim := (await outbox.claim(32)).claimed:
        claimed += claim
        looks += 1
        if looks == 6:
            # Within one round everybody has had a turn, and nobody two.
            heard = [each.route_id for each in claimed]
            assert len(heard) == 192
            assert max(heard.count(route) for route in routes) == 4
    assert all([each.route_id for each in claimed].count(route) == 4 for route in routes)
    assert looks <= 9
    await room.settle(outbox, TOOK_IT, *claimed)
    assert len((await outbox.claim(64)).claimed) == 50


async def test_a_look_that_fails_in_mid_claim_holds_nothing_and_the_next_one_claims(room):
    (duty,) = room.news(room.route())
    async with room.installation.database.unit() as unit:
        for _ in range(8):  # psycopg prepares what it is asked often
            await unit.rows("SELECT 1 AS one")
    outbox = room.outbox()
    room.world.rows("ALTER TABLE incidents RENAME TO incidents_away")
    with pytest.raises(Exception, match="incidents"):
        await outbox.claim(32)
    room.world.rows("ALTER TABLE incidents_away RENAME TO incidents")
    assert room.delivery(duty)["state"] == "pending"
    assert ids((await outbox.claim(32)).claimed) == [duty]


async def test_a_delivered_duty_says_whom_it_did_not_reach_and_its_route_is_proven(room):
    (duty,) = room.news(room.route())
    said = "taken, but refused for good for olga@example.org: 550 No such user"
    await room.work(room.outbox(), replace(TOOK_IT, error=said, recipients=()))
    assert (room.delivery(duty)["state"], room.delivery(duty)["last_error"]) == ("delivered", said)
    (proven,) = room.world.rows("SELECT state, last_error FROM alert_routes")
    assert (proven["state"], proven["last_error"]) == ("proven", None)


async def test_a_delivered_duty_is_final_and_proves_its_route(room):
    route = room.route()
    (duty,) = room.news(route)
    await room.work(room.outbox(), TOOK_IT)
    row = room.delivery(duty)
    assert (row["state"], row["attempt_count"], row["provider_id"], row["unnoted"]) == ("delivered", 1, "p-1", True)
    assert room.attempts(duty) == [(1, "delivered", False)]
    (proven,) = room.world.rows("SELECT state, last_delivered_at, last_error FROM alert_routes")
    assert proven["state"] == "proven"
    assert proven["last_delivered_at"] is not None
    assert room.world.count("delivery_incidents", "live") == 0


async def test_a_failed_duty_is_tried_again_with_the_same_bytes_and_its_next_instant_is_known(room):
    route = room.route()
    (duty,) = room.news(route)
    outbox = room.outbox()
    (first,) = await room.work(outbox, OVERLOADED)
    row = room.delivery(duty)
    assert row["state"] == "failed_retrying"
    assert timedelta(seconds=4) <= row["next_attempt_at"] - room.clock.now() <= timedelta(seconds=6)
    assert (row["last_error"], row["first_failed_at"] is not None) == ("It answered 503", True)
    assert room.world.one("SELECT state FROM alert_routes") == "retrying"
    assert (await outbox.claim(32)).claimed == []
    room.pass_time(6)
    (second,) = await room.work(outbox, TOOK_IT)
    assert (second.id, second.content, second.number) == (first.id, first.content, 2)
    assert room.delivery(duty)["state"] == "delivered"


async def test_a_look_says_when_the_next_duty_comes_due(room):
    (duty,) = room.news(room.route(), next_attempt_at=room.clock.now() + timedelta(seconds=7))
    claim = await room.outbox().claim(32)
    assert claim.claimed == []
    assert claim.look_again_at == room.delivery(duty)["next_attempt_at"]


async def test_a_lease_that_ran_out_is_taken_over_and_the_lost_attempt_is_kept(room):
    (duty,) = room.news(room.route())
    first, second = room.outbox("w-1"), room.outbox("w-2")
    (gone,) = (await first.claim(32)).claimed
    assert await second.take_over() == 0
    room.lose_lease(duty)
    assert await second.take_over() == 1
    (taken,) = await room.work(second, TOOK_IT)
    assert (taken.id, taken.content, taken.number) == (duty, gone.content, 2)
    assert room.attempts(duty) == [(1, "lost", False), (2, "delivered", False)]
    row = room.delivery(duty)
    assert (row["lost_count"], row["attempt_count"]) == (1, 1)


async def test_what_is_only_ever_lost_calls_for_somebody_else_ten_minutes_after_the_first(room):
    (duty,) = room.news(room.route())
    outbox = room.outbox()
    first_lost_at = room.clock.now()
    for _ in range(3):
        await outbox.claim(32)
        room.lose_lease(duty)
        await outbox.take_over()
        assert room.delivery(duty)["fallback_due_at"] == first_lost_at + timedelta(minutes=10)
        room.pass_time(60)


async def test_second_worker_cannot_be_overruled_by_one_whose_lease_ran_out(room, caplog):
    (duty,) = room.news(room.route())
    first, second = room.outbox("w-1"), room.outbox("w-2")
    (late,) = (await first.claim(32)).claimed
    room.lose_lease(duty)
    await second.take_over()
    (current,) = (await second.claim(32)).claimed
    await room.settle(first, OVERLOADED, late)
    assert "lease_lost" in caplog.messages
    assert room.delivery(duty)["state"] == "sending"
    await room.settle(second, TOOK_IT, current)
    assert room.delivery(duty)["state"] == "delivered"
    assert room.attempts(duty) == [(1, "overloaded", True), (1, "lost", False), (2, "delivered", False)]


async def test_what_a_provider_took_late_is_delivered_all_the_same(room):
    (duty,) = room.news(room.route())
    first, second = room.outbox("w-1"), room.outbox("w-2")
    (late,) = (await first.claim(32)).claimed
    room.lose_lease(duty)
    await second.take_over()
    await room.settle(first, TOOK_IT, late)
    row = room.delivery(duty)
    assert (row["state"], row["provider_id"]) == ("delivered", "p-1")
    assert (await second.claim(32)).claimed == []
    assert room.world.one("SELECT state FROM alert_routes") == "proven"


async def test_a_result_that_is_told_twice_is_kept_once_and_no_lease_is_called_lost(room, caplog):
    (duty,) = room.news(room.route())
    outbox = room.outbox()
    (claimed,) = (await outbox.claim(32)).claimed
    settlement = room.settlement(claimed, TOOK_IT)
    await outbox.settle([settlement])
    before = room.delivery(duty)
    await outbox.settle([settlement])
    assert room.delivery(duty) == before
    assert room.attempts(duty) == [(1, "delivered", False)]
    assert "lease_lost" not in caplog.messages


async def test_twenty_lost_attempts_end_a_duty(room):
    (duty,) = room.news(room.route())
    outbox = room.outbox()
    for _ in range(20):
        assert len((await outbox.claim(32)).claimed) == 1
        room.lose_lease(duty)
        assert await outbox.take_over() == 1
        room.pass_time(60)
    row = room.delivery(duty)
    assert (row["state"], row["lost_count"], row["attempt_count"]) == ("failed_terminal", 20, 0)
    assert row["fallback_due_at"] is not None


async def test_what_was_claimed_and_not_begun_is_given_back_untouched(room):
    (duty,) = room.news(room.route())
    outbox = room.outbox()
    claim = await outbox.claim(32)
    await outbox.release(claim.claimed)
    row = room.delivery(duty)
    assert (row["state"], row["attempt_count"], row["lost_count"]) == ("pending", 0, 0)
    room.pass_time(3)
    assert ids((await outbox.claim(32)).claimed) == [duty]


async def test_a_target_that_no_key_opens_is_tried_again_with_a_reason_and_harms_no_neighbour(room):
    sealed, fine = room.route("https://hooks.example/1"), room.route("https://hooks.example/2")
    room.world.rows("UPDATE alert_routes SET target = 'nonsense' WHERE id = %s", sealed)
    (bad,), (good,) = room.news(sealed), room.news(fine)
    claimed = {each.id: each for each in (await room.outbox().claim(32)).claimed}
    assert claimed[good].refusal is None
    refusal = claimed[bad].refusal
    assert refusal is not None
    assert "LUOTA_ENCRYPTION_KEYS" in (refusal.error or "")
    await room.settle(room.outbox(), refusal, claimed[bad])
    row = room.delivery(bad)
    assert (row["state"], row["attempt_count"], row["last_error"]) == ("failed_retrying", 1, refusal.error)
    assert room.world.one("SELECT state FROM alert_routes WHERE id = %s", sealed) == "retrying"


@pytest.mark.parametrize("before", ["proven", "broken"])
async def test_a_worker_without_the_key_breaks_no_route_moves_no_breaker_and_one_that_has_it_delivers(room, before):
    route = room.route(state=before)
    (duty,) = room.news(route)
    keyless = Outbox(
        replace(room.installation, vault=Vault([Fernet.generate_key().decode()])), worker="keyless", retry_delays=DELAYS
    )
    # The one attempt that a half-open breaker lets through.
    room.world.rows("UPDATE destinations SET failures_in_row = 5, open_seconds = 30, open_until = %s", room.clock.now())
    breaker = room.world.rows("SELECT failures_in_row, open_until, open_seconds FROM destinations")
    for _ in range(6):
        (claimed,) = (await keyless.claim(32)).claimed
        assert claimed.refusal is not None
        await room.settle(keyless, claimed.refusal, claimed)
        row = room.delivery(duty)
        assert (row["state"], "The worker keyless sent nothing" in row["last_error"]) == ("failed_retrying", True)
        room.pass_time((row["next_attempt_at"] - room.clock.now()).total_seconds())
    assert room.world.rows("SELECT failures_in_row, open_until, open_seconds FROM destinations") == breaker
    assert room.world.one("SELECT state FROM alert_routes") == ("broken" if before == "broken" else "retrying")
    await room.work(room.outbox(), TOOK_IT)
    assert room.delivery(duty)["state"] == "delivered"
    assert room.world.one("SELECT state FROM alert_routes") == "proven"


# --- ends ------------------------------------------------------------------------------------------------------------


async def test_ten_failures_exhaust_a_duty_and_call_for_somebody_else(room):
    (duty,) = room.news(room.route())
    outbox = room.outbox()
    for number in range(1, 11):
        room.world.rows("UPDATE destinations SET open_until = NULL, failures_in_row = 0")
        (claimed,) = await room.work(outbox, Outcome(OutcomeKind.REFUSED, error="It answered 404", http_status=404))
        assert claimed.number == number
        if number < 10:
            room.pass_time((room.delivery(duty)["next_attempt_at"] - room.clock.now()).total_seconds())
    row = room.delivery(duty)
    assert (row["state"], row["attempt_count"], row["next_attempt_at"]) == ("failed_terminal", 10, None)
    assert row["fallback_due_at"] is not None
    assert room.world.count("delivery_incidents", "live") == 0


async def test_a_route_that_is_gone_for_good_is_broken_and_each_duty_probes_it_once(room):
    route = room.route()
    (first,) = room.news(route)
    outbox = room.outbox()
    await room.work(outbox, GONE)
    assert room.delivery(first)["state"] == "failed_terminal"
    assert room.world.one("SELECT state FROM alert_routes") == "broken"
    room.pass_time(120)
    (second,) = room.news(route)
    await room.work(outbox, OVERLOADED)
    assert room.delivery(second)["state"] == "failed_terminal"
    room.pass_time(120)
    room.news(route)
    await room.work(outbox, TOOK_IT)
    assert room.world.one("SELECT state FROM alert_routes") == "proven"


async def test_a_route_that_was_disabled_in_flight_ends_what_it_was_told(room):
    route = room.route()
    (duty,) = room.news(route)
    outbox = room.outbox()
    (claimed,) = (await outbox.claim(32)).claimed
    room.world.rows("UPDATE alert_routes SET enabled = false")
    await room.settle(outbox, OVERLOADED, claimed)
    assert room.delivery(duty)["state"] == "failed_terminal"


@pytest.mark.parametrize(("outcome", "state"), [(OVERLOADED, "cancelled"), (TOOK_IT, "delivered")])
async def test_what_was_taken_back_in_flight_is_cancelled_unless_it_arrived(room, outcome, state):
    route = room.route()
    incident = room.incident()
    duty = room.duty(route, incident)
    outbox = room.outbox()
    (claimed,) = (await outbox.claim(32)).claimed
    room.world.rows("UPDATE delivery_incidents SET live = false")
    await room.settle(outbox, outcome, claimed)
    assert room.delivery(duty)["state"] == state


async def test_a_word_waits_while_an_earlier_one_about_its_incident_is_in_flight(room):
    route = room.route()
    incident = room.incident()
    room.duty(route, incident)
    outbox = room.outbox()
    (opened,) = (await outbox.claim(32)).claimed
    room.world.rows("UPDATE delivery_incidents SET live = false")
    resolved = room.duty(route, incident, reason="resolved", sequence=2)
    room.pass_time(10)
    assert (await outbox.claim(32)).claimed == []
    await room.settle(outbox, TOOK_IT, opened)
    assert ids((await outbox.claim(32)).claimed) == [resolved]
