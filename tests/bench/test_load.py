"""The load generator counts what happened: no more, no less, and from the instant at which it was due."""

import asyncio
import contextlib
import itertools

import pytest
from bench.load import Load, Plan, generate
from bench.messages import SCRIPTS, Target, shares
from bench.programs import Floor

_TARGETS = [Target(f"0190163d-8694-739b-aea5-{number:012d}", "wfws1.key.secret") for number in range(8)]


def _plan(port, script="starts", **changes):
    settings = {"connections": 4, "seconds": 0.3, "warm_seconds": 0.05} | changes
    return Plan(port=port, script=script, targets=_TARGETS, tag="test", **settings)


@contextlib.asynccontextmanager
async def _server(answer):
    """Serve `answer(number, body)`; it returns a status, bytes and the seconds to hold them back, or None for never."""
    seen, talks = [], []
    numbers = itertools.count()

    async def connected(reader, writer):
        talks.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                body = await reader.readexactly(length)
                seen.append((head.partition(b" HTTP")[0], body))
                said = answer(next(numbers), body)
                if said is None:
                    continue
                status, content, hold = said
                await asyncio.sleep(hold)
                reply = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(content)) + content
                for half in (reply[:20], reply[20:]):
                    writer.write(half)
                    await writer.drain()
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], seen
        await asyncio.gather(*talks)


async def test_every_answer_is_counted_under_its_status():
    async with _server(lambda number, _: (429 if number % 3 == 0 else 202, b"{}", 0)) as (port, seen):
        outcome = await Load(_plan(port)).run()
    assert sum(outcome.answers.values()) == len(seen) > 0
    assert outcome.answers["429"] == len(range(0, len(seen), 3))
    assert outcome.accepted == outcome.answers["202"]
    assert not outcome.clean


async def test_a_request_without_an_answer_is_told(monkeypatch):
    monkeypatch.setattr("bench.load._DRAIN_SECONDS", 0.05)
    async with _server(lambda number, _: None if number == 2 else (202, b"{}", 0)) as (port, seen):
        outcome = await Load(_plan(port)).run()
    assert outcome.unanswered == 1
    assert outcome.sent == len(seen)
    assert not outcome.clean


async def test_latency_at_an_offered_rate_counts_from_when_a_request_was_due():
    async with _server(lambda number, _: (202, b"{}", 0.2 if number == 10 else 0)) as (port, seen):
        outcome = await Load(_plan(port, connections=1, rate=200.0, warm_seconds=0.01, seconds=0.5)).run()
    assert outcome.clean
    # While one answer was held back some 40 requests fell due; a generator that skips them would report one slow one.
    assert outcome.latency_ms.p90 > 50
    assert len(seen) == outcome.accepted


@pytest.mark.parametrize("script", sorted(SCRIPTS))
async def test_no_external_run_id_is_sent_twice(script):
    run = b'{"run":{"id":"0190163d-8694-739b-aea5-966c26f8ad90","monitorId":"x"},"duplicate":false}'
    async with _server(lambda *_: (202, run, 0)) as (port, seen):
        outcome = await Load(_plan(port, script)).run()
    assert outcome.clean
    named = [body for _, body in seen if b"externalRunId" in body]
    assert len(set(named)) == len(named)


async def test_a_pair_ends_the_run_that_it_started():
    run = b'{"run":{"id":"0190163d-8694-739b-aea5-966c26f8ad90","monitorId":"x"},"duplicate":false}'
    async with _server(lambda *_: (202, run, 0)) as (port, seen):
        await Load(_plan(port, "pairs", connections=1)).run()
    paths = [path for path, _ in seen[:4]]
    success = b"POST /v1/runs/0190163d-8694-739b-aea5-966c26f8ad90/success"
    assert paths == [b"POST /v1/runs/start", success] * 2


def test_connections_share_no_target_while_there_are_enough():
    dealt = shares(_TARGETS, 3, "tag")
    assert sorted(target.monitor_id for share in dealt for target in share.targets) == [t.monitor_id for t in _TARGETS]
    assert all(share.targets for share in shares(_TARGETS, 20, "tag"))


def test_the_generator_as_a_process_measures_the_constant_floor():
    with Floor("constant") as floor:
        before = floor.cpu_us()
        outcome = generate(_plan(floor.port, connections=8, seconds=0.5))
        assert floor.cpu_us() > before
        assert floor.resident_mib() > 1
    assert floor.process.returncode == 0
    assert outcome.clean
    assert outcome.per_second * outcome.seconds <= outcome.accepted
    assert 0 < outcome.latency_ms.p50 <= outcome.latency_ms.p99 <= outcome.latency_ms.worst
