"""Workers on a real outbox: what is due is sent, settled and never sent by two; a stop loses nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.postroom import OVERLOADED, TOOK_IT, PostRoom, post_room
from tests.waiting import until

from luota_svc.clock import RealClock
from luota_svc.model.deliveries import Dispatch, Outcome, OutcomeKind, Settlement
from luota_svc.model.errors import Unavailable
from luota_svc.model.routes import RouteKind
from luota_svc.store.wake import Bell, Ear
from luota_svc.telemetry.tracing_setup import build_tracing
from luota_svc.usecases.deliveries import LEASE_SECONDS
from luota_svc.workers import deliver
from luota_svc.workers.deliver import Deliverer, Hooks

PATIENCE = 15.0


@pytest.fixture
async def room(database_url) -> AsyncIterator[PostRoom]:
    async with post_room(database_url, clock=RealClock()) as room:
        yield room


class Receiver:
    """A provider of the test's: keeps what it was given, answers what it is told to."""

    def __init__(self, answer: Callable[[Dispatch], Outcome] = lambda _: TOOK_IT) -> None:
        self.heard: list[Dispatch] = []
        self.answer = answer
        self.open = asyncio.Event()
        self.open.set()
        self.began = asyncio.Event()

    async def send(self, dispatch: Dispatch) -> Outcome:
        self.heard.append(dispatch)
        self.began.set()
        await self.open.wait()
        return self.answer(dispatch)


def deliverer(
    room: PostRoom, receiver: Receiver, worker: str = "w-1", outbox=None, attempted=lambda *_: None
) -> Deliverer:
    return Deliverer(
        outbox or room.outbox(worker),
        {RouteKind.WEBHOOK: receiver},
        clock=RealClock(),
        tracing=build_tracing({}),
        worker=worker,
        hooks=Hooks(attempted=attempted, line=lambda **_: None),
    )


@asynccontextmanager
async def working(*workers: Deliverer) -> AsyncIterator[None]:
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        await asyncio.gather(*(worker.stop() for worker in workers))


async def test_what_is_due_is_sent_and_settled(room):
    receiver = Receiver()
    (duty,) = room.news(room.route())
    async with working(deliverer(room, receiver)):
        await until(lambda: room.delivery(duty)["state"] == "delivered")
    assert [dispatch.delivery_id for dispatch in receiver.heard] == [duty]
    assert receiver.heard[0].target == {"url": "https://hooks.example/a"}


async def test_three_workers_send_two_hundred_duties_once_each(room):
    receiver = Receiver()
    duties = [room.news(room.route(f"https://hooks.example/{number}"))[0] for number in range(200)]
    async with working(*(deliverer(room, receiver, f"w-{number}") for number in range(3))):
        await until(lambda: room.states() == {"delivered": 200})
    assert Counter(dispatch.delivery_id for dispatch in receiver.heard) == Counter(duties)


async def test_a_failed_attempt_is_followed_by_another_without_anybody_asking(room):
    receiver = Receiver(lambda dispatch: OVERLOADED if dispatch.number == 1 else TOOK_IT)
    (duty,) = room.news(room.route())
    async with working(deliverer(room, receiver)):
        await until(lambda: room.delivery(duty)["state"] == "failed_retrying")
        room.world.rows("UPDATE deliveries SET next_attempt_at = now()")
        await until(lambda: room.delivery(duty)["state"] == "delivered")
    assert [(dispatch.number, dispatch.content) for dispatch in receiver.heard] == [
        (1, receiver.heard[0].content),
        (2, receiver.heard[0].content),
    ]


async def test_a_ring_wakes_a_worker_in_another_process(room, database_url):
    receiver = Receiver()
    worker = deliverer(room, receiver)
    rung = asyncio.Event()

    def wake() -> None:
        rung.set()
        worker.wake()

    ear, bell = Ear(database_url, wake), Bell(room.installation.database)
    ear.start()
    bell.start()
    async with working(worker):
        async with asyncio.timeout(PATIENCE):
            await rung.wait()  # it listens
        rung.clear()
        room.news(room.route())
        bell.ring()
        async with asyncio.timeout(PATIENCE):
            await rung.wait()
        await until(lambda: len(receiver.heard) == 1)
    await bell.stop()
    await ear.stop()


async def test_a_stop_waits_for_what_is_in_flight_and_begins_nothing_new(room):
    receiver = Receiver()
    receiver.open.clear()
    (first,) = room.news(room.route())
    worker = deliverer(room, receiver)
    worker.start()
    async with asyncio.timeout(PATIENCE):
        await receiver.began.wait()
    stopping = asyncio.create_task(worker.stop())
    (second,) = room.news(room.route("https://hooks.example/b"))
    await asyncio.sleep(0)
    receiver.open.set()
    await stopping
    assert room.delivery(first)["state"] == "delivered"
    assert room.delivery(second)["state"] == "pending"
    await worker.stop()


async def test_a_provider_that_fails_by_a_fault_of_ours_is_a_failed_attempt(room, caplog):
    def fault(_dispatch: Dispatch) -> Outcome:
        raise ZeroDivisionError("secret words")

    (duty,) = room.news(room.route())
    async with working(deliverer(room, Receiver(fault))):
        await until(lambda: room.delivery(duty)["state"] == "failed_retrying")
    assert room.delivery(duty)["last_error"] == "A fault of Luota's own: ZeroDivisionError"


async def test_a_provider_that_does_not_bound_itself_is_ended_before_its_lease(room, monkeypatch):
    monkeypatch.setattr(deliver, "_ATTEMPT_SECONDS_MOST", 0.1)
    monkeypatch.setattr(deliver, "_OVERDUE_LOOK_SECONDS", 0.02)
    receiver = Receiver()
    receiver.open.clear()
    (duty,) = room.news(room.route())
    async with working(deliverer(room, receiver)):
        await until(lambda: room.delivery(duty)["state"] == "failed_retrying")
        receiver.open.set()
        (other,) = room.news(room.route("https://hooks.example/b"))
        await until(lambda: room.delivery(other)["state"] == "delivered")
    assert room.delivery(duty)["last_error"] == "No answer within 0.1 s"
    assert room.attempts(duty) == [(1, "timed_out", False)]


async def test_a_kind_that_this_installation_has_not_is_refused_for_good(room):
    (duty,) = room.news(room.route(kind="inbox"))
    async with working(deliverer(room, Receiver())):
        await until(lambda: room.delivery(duty)["state"] == "failed_terminal")
    assert "inbox" in room.delivery(duty)["last_error"]


async def test_a_result_is_settled_however_often_the_database_is_away(room):
    class Flaky:
        """An outbox whose first three settles find the database away."""

        def __init__(self) -> None:
            self._outbox = room.outbox()
            self.away = 3

        def __getattr__(self, name: str):
            return getattr(self._outbox, name)

        async def settle(self, settlements) -> None:
            if self.away:
                self.away -= 1
                raise Unavailable("away")
            await self._outbox.settle(settlements)

    receiver, flaky = Receiver(), Flaky()
    (duty,) = room.news(room.route())
    async with working(deliverer(room, receiver, outbox=flaky)):
        await until(lambda: room.delivery(duty)["state"] == "delivered")
    assert (flaky.away, len(receiver.heard)) == (0, 1)


class Unwritable:
    """An outbox that can't write some results, and remembers what it was asked to write."""

    def __init__(self, room: PostRoom, refuses: Callable[[Settlement], bool]) -> None:
        self._outbox = room.outbox()
        self._refuses = refuses
        self.asked: list[list[Outcome]] = []

    def __getattr__(self, name: str):
        return getattr(self._outbox, name)

    async def settle(self, settlements) -> None:
        self.asked.append([each.outcome for each in settlements])
        if any(self._refuses(each) for each in settlements):
            raise ValueError("no such value")
        await self._outbox.settle(settlements)


async def test_a_result_that_cannot_be_written_is_written_without_its_words_and_harms_no_other(room):
    receiver = Receiver(lambda dispatch: odd if "odd" in dispatch.target["url"] else TOOK_IT)
    odd = Outcome(OutcomeKind.DELIVERED, http_status=202, provider_id="odd", reply="odd")
    outbox = Unwritable(room, lambda each: each.outcome.reply == "odd")
    for name in ("odd", "b", "c"):
        room.news(room.route(f"https://hooks.example/{name}"))
    async with working(deliverer(room, receiver, outbox=outbox)):
        await until(lambda: room.states() == {"delivered": 3})
    assert len(receiver.heard) == 3
    assert [Outcome(OutcomeKind.DELIVERED, http_status=202)] in outbox.asked


async def test_a_result_that_cannot_be_written_even_so_is_given_up_and_the_worker_goes_on(room):
    outbox = Unwritable(room, lambda each: each.claimed.id == duty)
    receiver = Receiver()
    (duty,) = room.news(room.route())
    async with working(deliverer(room, receiver, outbox=outbox)):
        await until(lambda: len(outbox.asked) == 2)
        (other,) = room.news(room.route("https://hooks.example/b"))
        await until(lambda: room.delivery(other)["state"] == "delivered")
    assert outbox.asked[:2] == [[TOOK_IT], [Outcome(OutcomeKind.DELIVERED, http_status=200)]]
    assert (len(outbox.asked), room.delivery(duty)["state"]) == (3, "sending")


async def test_a_result_is_told_again_long_before_its_lease_ends_however_long_the_database_is_away(room, monkeypatch):
    class Away(Unwritable):
        async def settle(self, settlements) -> None:
            if len(self.asked) < 12:
                self.asked.append([])
                raise Unavailable("away")
            await super().settle(settlements)

    # Everything else goes on at its own pace, which would make of twelve pauses 41 s.
    monkeypatch.setattr(deliver, "_FAILURE_SECONDS", 0.01)
    monkeypatch.setattr(deliver, "_FAILURE_SECONDS_MAX", 60.0)
    assert deliver._UNSETTLED_SECONDS_MAX < LEASE_SECONDS / 40
    monkeypatch.setattr(deliver, "_UNSETTLED_SECONDS_MAX", 0.04)
    (duty,) = room.news(room.route())
    async with working(deliverer(room, Receiver(), outbox=Away(room, lambda _: False))):
        await until(lambda: room.delivery(duty)["state"] == "delivered")


async def test_a_result_is_kept_whatever_goes_wrong_in_telling_of_it(room):
    def fails(*_: object) -> None:
        raise RuntimeError("the meter is broken")

    receiver = Receiver()
    (duty,) = room.news(room.route())
    async with working(deliverer(room, receiver, attempted=fails)):
        await until(lambda: room.delivery(duty)["state"] == "delivered")
    assert len(receiver.heard) == 1


async def test_one_that_hangs_does_not_hold_up_another(room):
    class Hanging(Receiver):
        async def send(self, dispatch: Dispatch) -> Outcome:
            self.heard.append(dispatch)
            if "slow" in dispatch.target["url"]:
                await self.open.wait()
            return self.answer(dispatch)

    receiver = Hanging(lambda _: Outcome(OutcomeKind.DELIVERED))
    receiver.open.clear()
    for number in range(10):
        room.news(room.route(f"https://slow.example/{number}"), 6, reason="test")
    async with working(deliverer(room, receiver)):
        await until(lambda: len(receiver.heard) == 40)  # four at each
        (duty,) = room.news(room.route("https://quick.example"))
        await until(lambda: room.delivery(duty)["state"] == "delivered")
        receiver.open.set()
        await until(lambda: room.states() == {"delivered": 61})
