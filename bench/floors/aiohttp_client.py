"""Floor: aiohttp's client alone posts an alert's bytes to the receiver. Nothing is read before and kept after."""

from __future__ import annotations

import asyncio
import sys
import time

import uvloop
from aiohttp import ClientSession, TCPConnector

from bench.duties import ROUTES, alert

_IN_FLIGHT = 64
_WARM_SECONDS = 0.3


async def _main(port: int, seconds: float) -> None:
    body, done, ends_at = alert(), [0] * _IN_FLIGHT, time.perf_counter() + _WARM_SECONDS + seconds
    headers = {"Content-Type": "application/json"}

    async def post(number: int) -> None:
        while time.perf_counter() < ends_at:
            url = f"http://127.0.0.1:{port}/hooks/{(done[number] * _IN_FLIGHT + number) % ROUTES}"
            async with session.post(url, data=body, headers=headers) as response:
                await response.read()
                assert response.status == 204, response.status
            done[number] += 1

    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        posts = [asyncio.create_task(post(number)) for number in range(_IN_FLIGHT)]
        await asyncio.sleep(_WARM_SECONDS)
        before, began, cpu = sum(done), time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        posted, took, cpu = sum(done) - before, time.perf_counter() - began, time.process_time() - cpu
        await asyncio.gather(*posts)
    print(sum(done), posted / took, 1e6 * cpu / max(posted, 1))


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1]), float(sys.argv[2])))
