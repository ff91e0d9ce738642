"""Clients that are slow, that leave, or that come in crowds: the others do not notice, and nothing is left of them."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

from tests.faults.load import Load, make_fleet, require_nothing_lost
from tests.faults.service import note, serving
from tests.waiting import until

_SLOW = 200


async def test_clients_that_send_a_byte_a_second_slow_nobody_and_are_cut_off(database_url, redis_url, full):
    fleet = make_fleet(database_url)
    async with serving(database_url, redis_url, LUOTA_SLOW_BODY_SECONDS="10" if full else "3") as service:
        load = Load(service.url, fleet)
        async with load.running():
            await until(lambda: load.answered(202) > 200, 10)
            calm = load.percentile(0.99)
            seen = len(load.answers)
            endings = await asyncio.gather(*(_drip(service.port, fleet, number) for number in range(_SLOW)))
        slowed = sorted(answer.seconds for answer in load.answers[seen:])
        p99 = slowed[int(len(slowed) * 0.99)]
        note(f"p99 calm {calm:.3f} s, with {_SLOW} slow clients {p99:.3f} s; they ended with {set(endings)}")
        load.require_kept_promises(202)
        assert p99 < 0.5
        # 400 for a body that did not come in time; each connection is closed by the server.
        assert set(endings) <= {b"HTTP/1.1 400", b"HTTP/1.1 408", b""}
        assert _descriptors(service.process.pid) < 100
        require_nothing_lost(database_url, load.answers)


async def _drip(port: int, fleet, number: int) -> bytes:
    """Send a start a byte a second until the server ends it; return the beginning of what it said."""
    body = json.dumps(
        {"monitorId": fleet.monitors[0], "externalRunId": f"slow-{number}", "payload": "x" * 100}
    ).encode()
    head = (
        f"POST /v1/runs/start HTTP/1.1\r\nHost: x\r\nX-Luota-Key: {fleet.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = asyncio.create_task(reader.read(12))
    try:
        # Half of them are slow from the first byte of the head on.
        message = head.encode() + body
        sent = len(head) if number % 2 else 0
        writer.write(message[:sent])
        with suppress(ConnectionError):
            for place in range(sent, len(message)):
                writer.write(message[place : place + 1])
                done, _ = await asyncio.wait([said], timeout=1.0)  # the drip's own rhythm
                if done:
                    break
        async with asyncio.timeout(15):
            return await said
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_churn_of_connections_leaves_nothing_behind(database_url, redis_url, full):
    fleet = make_fleet(database_url)
    async with serving(database_url, redis_url) as service:
        load = Load(service.url, fleet)
        async with load.running(8):
            await until(lambda: load.answered(202) > 100, 10)
            before = _descriptors(service.process.pid)
            for _ in range(100 if full else 10):
                await asyncio.gather(*(_leave(service.port, fleet, number) for number in range(60)))
            await until(lambda: _descriptors(service.process.pid) <= before + 8, 12)
        note(f"{load}; {before} descriptors before, {_descriptors(service.process.pid)} after")
        load.require_kept_promises(202)
        assert not [line for line in service.lines() if line.get("level") == "error"]
        require_nothing_lost(database_url, load.answers)


async def _leave(port: int, fleet, number: int) -> None:
    """Connect and leave: at once, in the head, in the body, before the answer, or after reading it."""
    body = json.dumps({"monitorId": fleet.monitors[1]}).encode()
    message = (
        f"POST /v1/monitors/{fleet.monitors[1]}/ping HTTP/1.1\r\nHost: x\r\nX-Luota-Key: {fleet.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    how = number % 5
    writer.write(message[: (0, 40, len(message) - 3, len(message), len(message))[how]])
    if how == 4:
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 202"), answer[:200]
    elif how == 3:
        writer.transport.abort()
    writer.close()


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
