"""Receivers that mean no good: nobody else's alert waits, memory stays, and no address is reached that is denied."""

from __future__ import annotations

import asyncio
import gzip
import os
import time
from pathlib import Path

from tests.faults.delivering import LOOPBACK, Post, scene, working
from tests.faults.receiver import raw_receiving
from tests.faults.service import note
from tests.waiting import until

_GIB = 1 << 30
_CHUNK = b"x" * (1 << 16)
# 15 s in all for an attempt, its settle, and a slow machine.
_ATTEMPT_SECONDS = 25.0
# Leads to one address first and to another one later, in a process of Luota's: as a name's owner may let it.
_REBINDING = """
import socket
_asked = {}
_real = socket.getaddrinfo
def _lead(host, *args, **kwargs):
    if isinstance(host, str) and host.endswith(".rebinding.example"):
        _asked[host] = _asked.get(host, 0) + 1
        host = "127.0.0.1" if _asked[host] == 1 else "127.0.0.2"
    return _real(host, *args, **kwargs)
socket.getaddrinfo = _lead
"""


class Sink:
    """Listens where nobody may go, and counts who comes."""

    def __init__(self) -> None:
        self.visits = 0

    async def serve(self, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        self.visits += 1


async def _take_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send an answer's body a byte a second."""
    await _take_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1_000):
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(1.0)  # the drip's own rhythm


async def drip_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send an answer's head a byte a second."""
    await _take_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(1_000):
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(1.0)  # the drip's own rhythm


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send 1 GiB."""
    await _take_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % _GIB)
    for _ in range(_GIB // len(_CHUNK)):
        writer.write(_CHUNK)
        await writer.drain()


async def flood_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a head that does not end."""
    await _take_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(_GIB // len(_CHUNK)):
        writer.write(_CHUNK)
        await writer.drain()


async def bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, packed: bytes) -> None:
    """Send what would become a thousand times as much."""
    await _take_request(reader)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    writer.write(head.encode() + packed)
    await writer.drain()


def outcomes(post: Post, duties) -> set[tuple[str, str | None]]:
    """Return which first outcomes these had, with what the attempts say of themselves."""
    rows = post.world.rows(
        "SELECT outcome, error FROM delivery_attempts WHERE number = 1 AND delivery_id = ANY(%s)",
        list(duties),
    )
    return {(row["outcome"], row["error"]) for row in rows}


async def test_receivers_that_drip_flood_or_bomb_cost_their_own_alert_alone(database_url, full):
    each = 60 if full else 8
    packed = gzip.compress(bytes(200 << 20), 9)
    async with (
        scene(database_url) as (post, receiver),
        raw_receiving(drip) as dripping,
        raw_receiving(drip_head) as dripping_head,
        raw_receiving(flood) as flooding,
        raw_receiving(flood_head) as flooding_head,
        raw_receiving(lambda reader, writer: bomb(reader, writer, packed=packed)) as bombing,
        working(database_url) as (worker,),
    ):
        await post.until_ended(post.duties(receiver, each, prefix="warm-"), 15)
        before = worker.resident_mib()
        # Whoever drips takes an attempt's whole 15 s: at full size.
        ports = [flooding, flooding_head, bombing, *([dripping, dripping_head] if full else [])]
        bad = {
            port: [post.news(post.route(f"http://127.0.0.1:{port}/{number}"))[0] for number in range(each)]
            for port in ports
        }
        began = time.monotonic()
        good = post.duties(receiver, each)
        post.ring()
        await post.until_ended(good, 10)
        note(f"the others were told after {time.monotonic() - began:.2f} s")
        attempted = "delivery_id = ANY(%s)"
        every = [duty for duties in bad.values() for duty in duties]
        await until(lambda: post.world.count("delivery_attempts", attempted, every) >= len(every), _ATTEMPT_SECONDS)
        growth = worker.resident_mib() - before
        note(f"{before:.0f} MiB before, {growth:+.1f} MiB after {len(every)} of them")
        assert growth < 40
        told = {port: {outcome for outcome, _ in outcomes(post, duties)} for port, duties in bad.items()}
        if full:
            assert told[dripping] == told[dripping_head] == {"timed_out"}
        # Its status says that it took the alert; the rest is not read.
        assert told[flooding] == told[bombing] == {"delivered"}
        assert told[flooding_head] <= {"failed", "unreachable"}
        assert worker.troubles() == []
        assert {post.delivery(duty)["state"] for duty in good} == {"delivered"}


async def test_a_redirect_is_not_followed_wherever_it_leads(database_url, full):
    each = 200 if full else 12
    sink = Sink()
    async with (
        scene(database_url) as (post, receiver),
        raw_receiving(sink.serve, "127.0.0.2") as denied,
        working(database_url, **{**LOOPBACK, "LUOTA_DELIVERY_ALLOWED_SUBNETS": "127.0.0.1/32"}) as (worker,),
    ):
        places = ["http://169.254.169.254/latest/meta-data/", f"http://127.0.0.2:{denied}/", receiver.url("elsewhere")]
        receiver.leads = lambda path: places[int(path.partition("-")[2]) % len(places)] if "-" in path else None
        duties = post.duties(receiver, each, prefix="to-")
        fine = post.duties(receiver, 3)
        await post.until_ended(fine, 15)
        ours = "delivery_id = ANY(%s)"
        await until(lambda: post.world.count("delivery_attempts", ours, duties) >= each, 15)
        attempts = f"SELECT DISTINCT outcome, http_status, resolved_address FROM delivery_attempts WHERE {ours}"
        (told,) = post.world.rows(attempts, duties)
        assert told == {"outcome": "refused", "http_status": 307, "resolved_address": "127.0.0.1"}
        note(str(outcomes(post, duties)))
        assert receiver.came("elsewhere") == 0
        assert sink.visits == 0
        assert worker.troubles() == []


async def test_no_denied_address_is_dialled_by_literal_by_name_or_once_a_name_leads_there(database_url, full, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(_REBINDING)
    sink = Sink()
    each = 70 if full else 5
    settings = {
        "LUOTA_DELIVERY_ALLOWED_SUBNETS": "127.0.0.1/32",
        "LUOTA_DELIVERY_RETRY_DELAYS": "0,1,1",
        "PYTHONPATH": _with(tmp_path),
    }
    async with scene(database_url) as (post, receiver), raw_receiving(sink.serve, "127.0.0.2", receiver.port):
        receiver.says = lambda _path: 503
        receiver.closes = True  # so that the next attempt asks for the name again
        rebound = [
            post.news(post.route(f"http://n{number}.rebinding.example:{receiver.port}/r/{number}"))[0]
            for number in range(each)
        ]
        hosts = ["127.0.0.2", "2130706434", "0x7f.2", "[::ffff:127.0.0.2]", "localhost.localdomain"]
        named = [
            post.news(post.route(f"http://{hosts[number % len(hosts)]}:{receiver.port}/{number}"))[0]
            for number in range(each)
        ]
        async with working(database_url, **settings) as (worker,):
            await post.until_ended([*rebound, *named], 20)
            assert worker.troubles() == []
        assert {receiver.came(str(number)) for number in range(each)} == {1}
        for duty in rebound:
            assert [outcome for _, outcome, _ in post.attempts(duty)] == ["overloaded", "blocked"]
            assert "127.0.0.2 leads to 127.0.0.0/8, this machine" in post.delivery(duty)["last_error"]
        for duty in named:
            assert [outcome for _, outcome, _ in post.attempts(duty)] == ["blocked"]
            assert "LUOTA_DELIVERY_ALLOWED_SUBNETS" in post.delivery(duty)["last_error"]
        assert sink.visits == 0


def _with(folder: Path) -> str:
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
