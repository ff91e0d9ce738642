"""What a receiver may send before the client stops to listen: no flood keeps a worker from everybody else's alerts."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.providers.receivers import answer, client, receiver

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.providers.http_client import ExchangeFailed, outcome_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
COMING = b"HTTP/1.1 103 Early Hints\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def flood(first: bytes, rest: bytes):
    """Return a receiver's talk that begins and never ends."""

    async def talk(_reader, writer) -> None:
        writer.write(first)
        while True:
            writer.write(rest)
            await writer.drain()

    return talk


async def told(talk) -> Outcome:
    async with receiver(talk) as there, client() as made:
        try:
            reply = await made.post(f"http://127.0.0.1:{there.port}/", b"{}", {})
        except ExchangeFailed as failed:
            return failed.outcome
    return outcome_of(reply, clean=str)


@pytest.mark.parametrize(
    "talk",
    [
        flood(b"", COMING * 2_000),
        flood(CHUNKED + b"1;", b"a" * 65_536),
        flood(CHUNKED + b"1\r\na\r\n0\r\n", b"X-T: " + b"a" * 4_000 + b"\r\n"),
        flood(b"HTTP/1.1 200 OK\r\n", b"X-T: " + b"a" * 4_000 + b"\r\n"),
    ],
    ids=["heads", "chunk extensions", "trailers", "headers"],
)
async def test_a_flood_is_cut_off_long_before_its_time_is_over(talk):
    began = time.monotonic()
    async with asyncio.timeout(10):
        outcome = await told(talk)
    assert outcome.kind in {OutcomeKind.FAILED, OutcomeKind.UNREACHABLE}
    assert time.monotonic() - began < 5


async def test_who_says_a_few_times_that_it_is_coming_is_heard():
    assert (await told(COMING * 15 + OK)).kind is OutcomeKind.DELIVERED
    assert (await told(COMING * 16 + OK)).kind is OutcomeKind.FAILED


@pytest.mark.parametrize("size", [300_000, 20_000_000])
async def test_a_large_page_is_an_answer_all_the_same(size):
    outcome = await told(answer(404, b"p" * size))
    assert (outcome.kind, outcome.http_status) == (OutcomeKind.REFUSED, 404)


async def test_answers_that_nobody_asked_for_are_not_taken_for_the_next_one():
    async def talk(reader, writer) -> None:
        writer.write(OK + OK.replace(b"200", b"500") * 1_000)
        await writer.drain()
        await reader.read()

    async with receiver(talk) as there, client() as made:
        for _ in range(3):
            assert (await made.post(f"http://127.0.0.1:{there.port}/", b"{}", {})).status == 200
        assert there.connections == 3


async def test_a_kept_connection_is_counted_anew_for_every_answer():
    async def talk(reader, writer) -> None:
        for _ in range(40):
            writer.write(COMING * 10 + b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"p" * 60_000)
            await writer.drain()
            await reader.readuntil(b"{}")

    async with receiver(talk) as there, client() as made:
        for _ in range(3):
            reply = await made.post(f"http://127.0.0.1:{there.port}/", b"{}", {})
            assert reply.status == 200
