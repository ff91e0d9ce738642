"""What people were promised, by real processes: words in order, few messages in a storm, somebody else, no delay."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from tests.doors.scene import _operator
from tests.faults.delivering import LOOPBACK, Post, Worker, posting, scene, working
from tests.faults.load import Fleet, Load, require_sound_incidents
from tests.faults.receiver import Receipt, Receiver, alert, named, raw_receiving, receiving
from tests.faults.service import Service, note, serving
from tests.waiting import until

QUICK = {"LUOTA_DELIVERY_RETRY_DELAYS": ",".join(["0"] + ["1"] * 19)}


class Installation:
    """A `serve`, a `work`, a receiver, and an admin and jobs that call."""

    def __init__(self, post: Post, receiver: Receiver, service: Service, worker: Worker, load: Load) -> None:
        self.post, self.receiver, self.service, self.worker, self.load = post, receiver, service, worker, load
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.admin = _operator(post.world._connection, "admin", None)

    async def made(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.admin}"}
        async with self.session.post(self.service.url + path, json=content, headers=headers) as answer:
            made = await answer.json()
            assert answer.status < 300, made
            return made

    async def route(self, path: str, **settings: Any) -> str:
        """Make a webhook route to a path of the receiver over the API; return its id."""
        target = {"webhook": {"url": self.receiver.url(path)}}
        made = await self.made(
            f"/v1/workspaces/{self.post.world.workspace_id}/routes", {"name": path, **target, **settings}
        )
        return str(made["id"])

    async def report(self, monitors: list[str], run: str, exit_code: int) -> None:
        ends = [{"monitorId": each, "externalRunId": run, "exitCode": exit_code} for each in monitors]
        await asyncio.gather(*(self.load.send(self.session, "/v1/runs/finish", end) for end in ends))
        self.load.require_kept_promises(202)

    def by_path(self) -> dict[str, list[Receipt]]:
        """Return what each path took, as it came."""
        heard: dict[str, list[Receipt]] = defaultdict(list)
        for receipt in self.receiver.taken():
            heard[receipt.path].append(receipt)
        return heard

    def monitors(self, number: int, **settings: Any) -> list[str]:
        return [str(self.post.world.monitor(**settings)) for _ in range(number)]


@asynccontextmanager
async def installed(database_url: str, redis_url: str, **settings: str) -> AsyncIterator[Installation]:
    async with (
        scene(database_url) as (post, receiver),
        serving(database_url, redis_url, **LOOPBACK) as service,
        working(database_url, **settings) as (worker,),
    ):
        fleet = Fleet(str(post.world.workspace_id), post.world.token, [], "")
        installation = Installation(post, receiver, service, worker, Load(service.url, fleet, pace_seconds=0.0))
        try:
            yield installation
            await until(lambda: post.world.count("deliveries", "unnoted") == 0, 15)
            require_sound_incidents(database_url)
            assert worker.troubles() == []
        finally:
            await installation.session.close()


def words(receipts: list[Receipt]) -> list[tuple[str, bool]]:
    return [(alert(each)["metadata"]["reason"], alert(each)["metadata"]["firstWord"]) for each in receipts]


async def test_what_failed_and_recovered_while_routes_were_down_is_told_once_in_order_when_they_come_back(
    database_url, redis_url, full
):
    number = 100 if full else 12
    async with installed(database_url, redis_url, **QUICK) as here:
        monitors = here.monitors(2 * number)
        told, untold = monitors[:number], monitors[number:]
        for monitor in monitors:
            await here.route(f"{'told' if monitor in told else 'untold'}/{monitor}", monitorIds=[monitor])
        await here.report(told, "run-1", 1)
        await until(lambda: len(here.receiver.times()) == number, 20)
        await here.post.until_ended(here.post.every(), 10)
        here.receiver.says = lambda _path: 503
        await here.report(untold, "run-1", 1)
        failing = "state = 'failed_retrying'"
        await until(lambda: here.post.world.count("deliveries", failing) == number, 20)
        await here.report(monitors, "run-2", 0)
        await until(lambda: here.post.world.count("deliveries", f"{failing} AND reason = 'resolved'") == 2 * number, 30)
        here.receiver.says = lambda _path: 200
        began = time.monotonic()
        # Within a second of its retry, or when its breaker lets a probe go.
        await here.post.until_ended(here.post.every(), 75)
        note(f"all were told {time.monotonic() - began:.1f} s after their routes were back")
        heard = here.by_path()
        assert {tuple(words(heard[f"told/{each}"])) for each in told} == {(("opened", True), ("resolved", False))}
        assert {tuple(words(heard[f"untold/{each}"])) for each in untold} == {(("resolved", True),)}
        assert len(heard) == len(monitors)


async def test_many_that_fail_within_a_minute_are_told_in_three_messages_that_name_all(database_url, redis_url, full):
    number = 200 if full else 40
    async with installed(database_url, redis_url) as here:
        paths = [f"team-{each}" for each in range(3)]
        for path in paths:
            await here.route(path)
        monitors = here.monitors(number)
        critical = here.monitors(1, severity="critical")
        began = time.monotonic()
        share = number // 40
        for place in range(40):
            await here.report(monitors[place * share : (place + 1) * share], "run-1", 1)
            if place == 23:  # just after the second message: it waits the longest
                await here.report(critical, "run-1", 1)
                failed = time.monotonic()
            if full:
                await asyncio.sleep(max(0.0, began + (place + 1) * 1.4 - time.monotonic()))  # within a minute
        note(f"{number} failed within {time.monotonic() - began:.1f} s")
        incidents = {str(row["id"]) for row in here.post.world.rows("SELECT id FROM incidents")}
        assert len(incidents) == number + 1

        def all_named() -> bool:
            heard = here.by_path()
            return all(set().union(*map(named, heard[path]), set()) == incidents for path in paths)

        if not full:
            # The first word is out; what came after it need not wait for half a minute here.
            await until(lambda: len(here.by_path()) == len(paths), 10)
            for _ in range(2):
                await here.post.until_quiet()
                here.post.world.rows("UPDATE destinations SET last_message_at = last_message_at - interval '31 s'")
        await until(all_named, 70)
        urgent = str(here.post.world.one("SELECT id FROM incidents WHERE severity = 'critical'"))
        for path, receipts in here.by_path().items():
            held = next(each.at for each in receipts if urgent in named(each)) - failed
            note(f"{path}: {[len(named(each)) for each in receipts]} named, the critical one held for {held:.1f} s")
            assert len(receipts) <= 3
            assert held <= 30
            # Each is named once.
            assert sum(len(named(each)) for each in receipts) == len(incidents)


async def test_somebody_else_hears_of_a_dead_route_within_a_minute(database_url, redis_url, full):
    number = 50 if full else 3
    async with installed(database_url, redis_url) as here:
        here.receiver.says = lambda path: {"gone": 410, "down": 503}.get(path.partition("/")[0], 200)
        fallback = await here.route("fallback", fallback=True)
        gone, down = here.monitors(number), here.monitors(number)
        for kind, monitors in (("gone", gone), ("down", down)):
            for monitor in monitors:
                await here.route(f"{kind}/{monitor}", monitorIds=[monitor])
        began = time.monotonic()
        await here.report([*gone, *down], "run-1", 1)
        await until(lambda: here.receiver.came("fallback") >= 1, 60)

        def about() -> dict[str, Receipt]:
            return {alert(each)["metadata"]["failedRoute"]["name"]: each for each in here.by_path()["fallback"]}

        await until(lambda: about().keys() >= {f"gone/{each}" for each in gone}, 60)
        note(f"of what was refused for good it heard within {time.monotonic() - began:.1f} s")
        assert about().keys() == {f"gone/{each}" for each in gone}
        # Ten minutes later.
        waiting = here.post.world.rows(
            "UPDATE deliveries SET fallback_due_at = now() WHERE fallback_due_at IS NOT NULL RETURNING id"
        )
        assert len(waiting) == number
        began = time.monotonic()
        await until(lambda: about().keys() >= {f"down/{each}" for each in down}, 60)
        note(f"of what failed for ten minutes it heard within {time.monotonic() - began:.1f} s")
        assert len(about()) == 2 * number == len(here.by_path()["fallback"])
        incidents = {str(row["monitor_id"]): str(row["id"]) for row in here.post.world.rows("SELECT * FROM incidents")}
        for name, receipt in about().items():
            assert named(receipt) == {incidents[name.partition("/")[2]]}
            assert alert(receipt)["metadata"]["reason"] == "route_failure"
        await until(
            lambda: here.post.world.one("SELECT state FROM alert_routes WHERE id = %s", fallback) == "proven", 5
        )


async def test_receivers_that_hang_delay_nobody_else(database_url, full):
    number = 400 if full else 40

    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with posting(database_url) as post, receiving() as receiver, raw_receiving(hang) as hanging:
        for place in range(10):
            route = post.route(f"http://127.0.0.1:{hanging}/{place}")
            post.news(route, 40, reason="test")
        async with working(database_url) as (worker,):
            await until(lambda: post.in_flight() == 40, 15)
            due: dict[str, float] = {}
            for place in range(number):
                due[str(place)] = time.monotonic()
                post.news(post.route(receiver.url(place)))
                post.ring()
                await asyncio.sleep(0.05)  # the rhythm of the load
            await until(lambda: post.world.count("delivery_attempts", "outcome = 'delivered'") == number, 10)
            assert worker.troubles() == []
        waited = sorted(receipt.at - due[receipt.path] for receipt in receiver.taken())
        p50, p99, most = waited[number // 2], waited[int(number * 0.99)], waited[-1]
        note(f"due to heard: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, most {most * 1000:.0f} ms")
        assert len(waited) == number
        assert p99 < (2.0 if full else 5.0)
