"""Names are looked up beside each other: one that hangs delays nobody, and leaves when it is done."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from luota_svc.providers import http_lookup
from luota_svc.providers.http_lookup import ThreadedLookup


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch):
    """Let names that begin with `hang` hang until the event is set; all others lead to loopback."""
    goes_on = threading.Event()

    def looked_up(host: str, port: int, *_):
        if host.startswith("hang"):
            goes_on.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.9", port))]

    monkeypatch.setattr(http_lookup.socket, "getaddrinfo", looked_up)
    yield goes_on
    goes_on.set()


async def test_names_that_hang_delay_no_other(hanging):
    lookup = ThreadedLookup()
    waiting = [asyncio.create_task(lookup.resolve(f"hang-{number}", 443)) for number in range(60)]
    async with asyncio.timeout(5):
        (found,) = await lookup.resolve("hooks.example.org", 443, socket.AF_UNSPEC)
    assert (found["host"], found["port"]) == ("127.0.0.9", 443)
    for task in waiting[:30]:
        task.cancel()
    hanging.set()
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(end, asyncio.CancelledError) for end in ends) == 30
    assert all(isinstance(end, list) for end in ends[30:])


async def test_no_more_lookups_run_than_there_is_room_for_and_room_comes_back(hanging, monkeypatch):
    monkeypatch.setattr(http_lookup, "_THREADS_MAX", 2)
    lookup = ThreadedLookup()
    waiting = [asyncio.create_task(lookup.resolve(f"hang-{number}", 443)) for number in range(2)]
    third = asyncio.create_task(lookup.resolve("hooks.example.org", 443))
    await asyncio.wait({third}, timeout=0.05)
    assert not third.done()
    # Whoever gives up waiting keeps the room until the system has answered.
    waiting[0].cancel()
    await asyncio.wait({third}, timeout=0.05)
    assert not third.done()
    hanging.set()
    async with asyncio.timeout(5):
        await third
        await waiting[1]


@pytest.mark.parametrize("host", ["a..b", "x" * 300])
async def test_what_is_no_name_is_an_error_of_the_system(host: str):
    async with asyncio.timeout(10):
        with pytest.raises(socket.gaierror):
            await ThreadedLookup().resolve(host, 443, socket.AF_UNSPEC)
