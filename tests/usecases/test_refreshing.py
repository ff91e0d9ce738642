"""What Alertmanager is told again: whose turn it is, what stands, what ended, on a real PostgreSQL and real sockets."""

from __future__ import annotations

import asyncio
from functools import partial
from uuid import UUID

import pytest
from tests.postroom import OVERLOADED, TOOK_IT, PostRoom
from tests.providers.vendor_receivers import Said, clean, open_client, vendor

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.model.errors import Unavailable
from luota_svc.model.refreshing import Refresh
from luota_svc.providers.alertmanager import AlertmanagerProvider
from luota_svc.usecases.refreshing import claim_refreshes
from luota_svc.workers.refresh import Refresher

WAIT = 10.0
URL = "https://alertmanager.example"


async def tell(room: PostRoom, route: UUID, *incidents: UUID, reason: str = "opened", sequence: int = 1) -> None:
    """Deliver a word about incidents to a route."""
    room.duty(route, *incidents, reason=reason, sequence=sequence)
    assert await room.work(room.outbox(), TOOK_IT)


def end(room: PostRoom, incident: UUID) -> None:
    room.world.rows(
        "UPDATE incidents SET state = 'resolved', resolved_at = %s, resolution = 'recovered' WHERE id = %s",
        room.clock.now(),
        incident,
    )


def standing(refresh: Refresh) -> dict[UUID, bool]:
    """Return each incident that is told again, and whether it is over."""
    return {one.incident_id: one.resolved_at is not None for one in refresh.standing}


async def test_what_was_delivered_and_stands_is_told_again_each_minute(room):
    route, incident = room.route(URL, kind="alertmanager"), room.incident()
    await tell(room, route, incident)
    (refresh,) = await claim_refreshes(room.installation)
    assert (refresh.route_id, dict(refresh.target)) == (route, {"url": URL})
    assert standing(refresh) == {incident: False}
    assert str(incident).encode() in refresh.standing[0].content
    room.pass_time(59)
    assert await claim_refreshes(room.installation) == []
    room.pass_time(1)
    assert len(await claim_refreshes(room.installation)) == 1


async def test_an_end_is_told_again_for_a_quarter_of_an_hour_with_the_last_word(room):
    route, incident = room.route(URL, kind="alertmanager"), room.incident()
    await tell(room, route, incident)
    room.pass_time(10)
    end(room, incident)
    await tell(room, route, incident, reason="resolved", sequence=2)
    (refresh,) = await claim_refreshes(room.installation)
    assert standing(refresh) == {incident: True}
    assert b'"reason":"resolved"' in refresh.standing[0].content
    room.pass_time(15 * 60 - 1)
    assert len(await claim_refreshes(room.installation)) == 1
    room.pass_time(60)
    assert await claim_refreshes(room.installation) == []


async def test_an_end_that_could_not_be_delivered_is_told_all_the_same(room):
    route, incident = room.route(URL, kind="alertmanager"), room.incident()
    await tell(room, route, incident)
    end(room, incident)
    room.duty(route, incident, reason="resolved", sequence=2)
    await room.work(room.outbox(), OVERLOADED)
    (refresh,) = await claim_refreshes(room.installation)
    assert standing(refresh) == {incident: True}
    assert b'"reason":"opened"' in refresh.standing[0].content


async def test_nothing_is_told_again_that_was_never_delivered_or_to_whom_it_was_not(room):
    told, untold = (room.route(f"{URL}/{name}", kind="alertmanager") for name in ("told", "untold"))
    hook = room.route(kind="webhook")
    first, second = room.incident(), room.incident()
    await tell(room, told, first)
    await tell(room, hook, first)
    room.duty(untold, second)
    await room.work(room.outbox(), OVERLOADED)
    (refresh,) = await claim_refreshes(room.installation)
    assert (refresh.route_id, standing(refresh)) == (told, {first: False})


@pytest.mark.parametrize("change", ["enabled = false", "deleted_at = now()"])
async def test_a_route_that_is_off_is_told_nothing(room, change):
    route = room.route(URL, kind="alertmanager")
    await tell(room, route, room.incident())
    room.world.rows(f"UPDATE alert_routes SET {change}")
    assert await claim_refreshes(room.installation) == []


async def test_of_many_workers_one_has_the_turn(room):
    routes = [room.route(f"{URL}/{number}", kind="alertmanager") for number in range(12)]
    incident = room.incident()
    for route in routes:
        room.duty(route, incident)
    while await room.work(room.outbox(), TOOK_IT):
        pass
    claims = await asyncio.gather(*(claim_refreshes(room.installation) for _ in range(6)))
    claims.append(await claim_refreshes(room.installation))
    claimed = [refresh.route_id for claim in claims for refresh in claim]
    assert sorted(claimed) == sorted(routes)
    assert max(map(len, claims)) <= 8


async def test_a_target_that_no_key_opens_keeps_nobody_else_from_their_turn(room):
    bad, good = (room.route(f"{URL}/{name}", kind="alertmanager") for name in ("bad", "good"))
    incident = room.incident()
    for route in (bad, good):
        await tell(room, route, incident)
    room.world.rows("UPDATE alert_routes SET target = 'nonsense' WHERE id = %s", bad)
    assert [refresh.route_id for refresh in await claim_refreshes(room.installation)] == [good]


async def test_a_worker_says_again_what_stands_and_goes_on_past_every_failure(room):
    async with vendor() as receiver, open_client() as client:
        route, incident = room.route(receiver.url, kind="alertmanager"), room.incident()
        await tell(room, route, incident)
        failures = [Unavailable("PostgreSQL is away"), RuntimeError("a fault")]
        said = asyncio.Semaphore(0)

        async def claim() -> list[Refresh]:
            if failures:
                raise failures.pop()
            return await claim_refreshes(room.installation)

        def answer(_seen) -> Said:
            said.release()
            return Said(503 if len(receiver.seen) == 1 else 200)

        receiver.answer = answer
        provider = AlertmanagerProvider(client, clock=room.clock, clean=clean)
        worker = Refresher(claim, provider, look_seconds=0.01)
        worker.start()
        async with asyncio.timeout(WAIT):
            await said.acquire()
            room.pass_time(60)
            await said.acquire()
        await worker.stop()
        await worker.stop()
        alerts = [alert for seen in receiver.seen for alert in seen.json]
        assert {alert["labels"]["incident_id"] for alert in alerts} == {str(incident)}
        assert alerts[0]["labels"] == alerts[1]["labels"]
        assert alerts[0]["endsAt"] < alerts[1]["endsAt"]


async def test_a_receiver_that_hangs_is_let_go_and_a_stop_does_not_wait_for_it(room, monkeypatch):
    monkeypatch.setattr("luota_svc.workers.refresh._REFRESH_SECONDS_MOST", 0.01)
    begun, hung = asyncio.Semaphore(0), asyncio.Event()

    class Hangs:
        async def refresh(self, _target, _standing) -> Outcome:
            begun.release()
            await hung.wait()
            return Outcome(OutcomeKind.DELIVERED)

    async def claim() -> list[Refresh]:
        return [Refresh(UUID(int=1), {}, ())]

    worker = Refresher(partial(claim), Hangs(), look_seconds=0.01)
    worker.start()
    async with asyncio.timeout(WAIT):
        for _ in range(3):
            await begun.acquire()
        monkeypatch.setattr("luota_svc.workers.refresh._REFRESH_SECONDS_MOST", 60)
        await begun.acquire()
        await worker.stop()
