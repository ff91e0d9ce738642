"""The client against real receivers, most of them bad: what each comes to, in what time and with what memory."""

from __future__ import annotations

import asyncio
import gzip
import socket
import tracemalloc

import pytest
from tests.providers.receivers import Names, answer, client, outcome, read_request, receiver

from luota_svc.clock import StubClock
from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.providers import http_client
from luota_svc.providers.http_client import outcome_of
from luota_svc.rules.redaction import redact_text

DELIVERED, REFUSED, REJECTED = OutcomeKind.DELIVERED, OutcomeKind.REFUSED, OutcomeKind.REJECTED
THROTTLED, OVERLOADED, FAILED = OutcomeKind.THROTTLED, OutcomeKind.OVERLOADED, OutcomeKind.FAILED
TIMED_OUT, UNREACHABLE = OutcomeKind.TIMED_OUT, OutcomeKind.UNREACHABLE


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """15 s as 0.3 s."""
    monkeypatch.setattr(http_client, "WHOLE_SECONDS", 0.3)


async def told(talk, path: str = "/hook", **options) -> Outcome:
    """Return what one exchange with such a receiver comes to."""
    async with receiver(talk) as there, client(**options) as made:
        return await outcome(made, f"http://127.0.0.1:{there.port}{path}")


def expected(status: int) -> OutcomeKind:
    special = {410: REJECTED, 429: THROTTLED, 502: OVERLOADED, 503: OVERLOADED, 504: OVERLOADED}
    return special.get(status) or {2: DELIVERED, 3: REFUSED, 4: REFUSED, 5: FAILED}[status // 100]


async def test_every_status_has_its_outcome():
    async def talk(reader, writer) -> None:
        for status in range(200, 600):
            body = b"" if status in {204, 304} else b"ok"
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            await read_request(reader)

    async with receiver(talk) as there, client() as made:
        for status in range(200, 600):
            found = await outcome(made, f"http://127.0.0.1:{there.port}/hook")
            assert (found.http_status, found.kind) == (status, expected(status))
            assert (found.error is None) == (found.kind is DELIVERED)
            assert found.error is None or str(status) in found.error
            assert found.resolved_address == "127.0.0.1"
        # One connection carried them all.
        assert there.connections == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"retry_after": "21"}, 21),
        ({"retry_after": " 0 "}, 0),
        ({"retry_after": "9" * 20}, 2**31 - 1),
        ({"retry_after": "Wed, 21 Oct 2026 07:30:00 GMT", "date": "Wed, 21 Oct 2026 07:28:30 GMT"}, 90),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0),
        # No Date: our own clock stands for the receiver's.
        ({"retry_after": "Mon, 25 May 2026 12:01:00 GMT"}, 60),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "Wed, 99 Oct 2026 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_read_as_seconds_or_date(said, seconds, status):
    assert (await told(answer(status, **said), clock=StubClock())).retry_after_seconds == seconds


async def test_a_request_id_of_the_reply_is_its_provider_id():
    assert (await told(answer(202, cf_ray="ray-1", request_id="req-1"))).provider_id == "req-1"
    assert (await told(answer(202, x_amzn_requestid="aws-1"))).provider_id == "aws-1"
    assert (await told(answer(202))).provider_id is None
    assert len((await told(answer(202, x_request_id="r" * 4000))).provider_id or "") == 200


async def test_a_redirect_is_refused_and_not_followed():
    async with receiver(answer(200)) as elsewhere:
        found = await told(answer(307, location=f"http://127.0.0.1:{elsewhere.port}/"))
        assert elsewhere.connections == 0
    assert found.kind is REFUSED
    assert "redirects are not followed" in (found.error or "")


async def silent(reader, writer) -> None:
    await reader.read()


async def drips_its_head(reader, writer) -> None:
    for octet in answer(200, b"x" * 500):
        writer.write(bytes([octet]))
        await asyncio.sleep(0.02)


async def drips_its_body(reader, writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def promises_for_ever(reader, writer) -> None:
    while True:
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
        await writer.drain()
        await asyncio.sleep(0.01)


async def resets(reader, writer) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()


async def names_headers_for_ever(reader, writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x-more: and more\r\n" * 1000)
        await writer.drain()


async def sends_one_endless_header(reader, writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nx-more: ")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


@pytest.mark.parametrize(
    ("talk", "kind", "words"),
    [
        (silent, TIMED_OUT, "did not answer within 15 s"),
        (drips_its_head, TIMED_OUT, "did not answer within 15 s"),
        (drips_its_body, TIMED_OUT, "answered 200, but had not finished within 15 s"),
        (promises_for_ever, FAILED, "no HTTP"),
        (resets, UNREACHABLE, "broke the connection before it answered"),
        (b"", UNREACHABLE, "broke the connection before it answered"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", UNREACHABLE, "broke the connection before it answered"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", UNREACHABLE, "not to the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", UNREACHABLE, "not to the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nshort\r\n", FAILED, "no HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", FAILED, "no HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", FAILED, "no HTTP"),
        (bytes(range(256)) * 40, FAILED, "no HTTP"),
        (b"HTTP/1.1 abc OK\r\n\r\n", FAILED, "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", FAILED, "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", FAILED, "no HTTP"),
        (names_headers_for_ever, FAILED, "no HTTP"),
        (sends_one_endless_header, FAILED, "no HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n", DELIVERED, ""),
        (b"HTTP/1.0 200\r\n\r\nok", DELIVERED, ""),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", FAILED, "101"),
    ],
)
@pytest.mark.usefixtures("hurried")
async def test_whatever_a_receiver_does_is_an_outcome_with_a_sentence(talk, kind, words):
    tracemalloc.start()
    try:
        found = await told(talk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.kind, words in (found.error or "")) == (kind, True), found
    assert peak < 4_000_000


async def test_of_a_gibibyte_16_kib_are_read_and_no_more_is_kept():
    sent = 0

    async def floods(reader, writer) -> None:
        nonlocal sent
        writer.transport.set_write_buffer_limits(65_536)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        for _ in range(1 << 14):
            writer.write(b"x" * 65_536)
            sent += 65_536
            await writer.drain()

    tracemalloc.start()
    try:
        async with receiver(floods) as there, client() as made:
            reply = await made.post(f"http://127.0.0.1:{there.port}/", b"{}", {})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(reply.body), reply.truncated) == (16_384, True)
    # What the kernel's buffers take is not ours to bound.
    assert sent < 32_000_000
    assert peak < 4_000_000
    assert len(outcome_of(reply, clean=str).reply or "") == 4_096


async def test_a_bomb_of_gzip_is_not_opened():
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    try:
        found = await told(answer(200, bomb, content_encoding="gzip"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.kind is DELIVERED
    assert "compressed with gzip" in (found.reply or "")
    assert peak < 4_000_000


async def test_a_reply_is_kept_as_text_that_a_database_takes():
    found = await told(answer(500, b"a\x00b\x1b[31m\xff\r\nnext" + "ä".encode() * 4000))
    assert found.reply is not None
    assert found.reply.startswith("a b [31m\ufffd \nnext")
    assert 4_090 < len(found.reply.encode()) <= 4_096


async def test_nothing_of_the_environment_is_used_and_no_cookie_is_kept(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with receiver(answer(200, set_cookie="a=b; Path=/")) as there, client() as made:
        for _ in range(2):
            assert (await outcome(made, f"http://127.0.0.1:{there.port}/hook?a=%2Fb+c%20d")).kind is DELIVERED
        head = there.requests[1].decode().lower()
        assert "cookie" not in head
        assert "accept-encoding: identity\r\n" in head
        assert "user-agent: luota/" in head
        # As it was typed: another spelling of a signed query is another query.
        assert head.startswith("post /hook?a=%2fb+c%20d http/1.1\r\n")


async def test_a_receiver_that_hangs_delays_no_other():
    async with receiver(silent) as hanging, receiver(answer(200)) as there, client() as made:
        waiting = [asyncio.create_task(outcome(made, f"http://127.0.0.1:{hanging.port}/")) for _ in range(200)]
        async with asyncio.timeout(5):
            assert (await outcome(made, f"http://127.0.0.1:{there.port}/")).kind is DELIVERED
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_place_where_nothing_listens_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with client() as made:
        found = await outcome(made, f"http://127.0.0.1:{port}/")
    assert (found.kind, found.resolved_address) == (UNREACHABLE, "127.0.0.1")
    assert "nothing listens there" in (found.error or "")


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "DNS knows no hooks.example.org"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "DNS can't say for now"),
        (None, "DNS did not say within 3 s"),
    ],
)
async def test_a_name_that_dns_does_not_know_is_said(says, words, monkeypatch):
    monkeypatch.setattr(http_client, "CONNECT_SECONDS", 0.2)
    async with client(resolver=Names(says)) as made:
        found = await outcome(made, "https://hooks.example.org/secret-0123456789")
    assert (found.kind, found.resolved_address) == (UNREACHABLE, None)
    assert words in (found.error or "")


async def test_a_host_that_swallows_packets_is_given_up_after_3_s(monkeypatch):
    monkeypatch.setattr(http_client, "CONNECT_SECONDS", 0.2)
    # A full backlog drops what comes, as a firewall does.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        async with client() as made:
            found = await outcome(made, f"http://127.0.0.1:{full.getsockname()[1]}/")
        for filler in fillers:
            filler.close()
    assert found.kind is UNREACHABLE
    assert "within 3 s" in (found.error or "")


SECRET_URL = "/hooks/T0AB12CD3/B0EF45GH6/xoxSecretTokenOfTwentyFour?sig=abcDEF123456&v=1"


@pytest.mark.parametrize("status", [200, 400, 503])
async def test_what_a_receiver_repeats_of_the_request_is_masked(status):
    async def repeats(reader, writer) -> None:
        head = there.requests[-1]
        path = head.split(b" ")[1].replace(b"/", b"\\/")
        writer.write(answer(status, head + b"no such path: " + path, x_request_id="xoxSecretTokenOfTwentyFour"))
        await writer.drain()

    async with receiver(repeats) as there, client() as made:
        found = await outcome(
            made, f"http://127.0.0.1:{there.port}{SECRET_URL}", {"Authorization": "Bearer s3cr3t-t0ken"}
        )
    assert b"s3cr3t-t0ken" in there.requests[0]
    shown = f"{found!r}"
    for secret in ("xoxSecretTokenOfTwentyFour", "T0AB12CD3", "B0EF45GH6", "abcDEF123456", "s3cr3t-t0ken"):
        assert secret not in shown
    assert "no such path: ***" in shown


@pytest.mark.parametrize("says", [b"", b"garbage\r\n\r\n", answer(302, location=SECRET_URL), answer(500, b"oops")])
async def test_no_sentence_holds_more_of_a_url_than_its_host(says):
    found = await told(says, SECRET_URL)
    assert found.error
    assert "hooks" not in repr(found)
    assert "xox" not in repr(found)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example.org/", "LUOTA_DELIVERY_ALLOW_HTTP"),
        ("ftp://hooks.example.org/", "https://"),
        ("https://", "can't be used"),
        ("https:///path", "can't be used"),
        ("nonsense", "can't be used"),
        ("https://[::1/", "can't be used"),
        ("https://host:99999/", "can't be used"),
        ("https://bot:hunter2@hooks.example.org/", "name or a password"),
    ],
)
async def test_a_url_that_cannot_be_used_is_blocked_before_anything_is_asked(url, words):
    names = Names(["127.0.0.1"])
    async with client(allow_http=False, resolver=names) as made:
        found = await outcome(made, url)
    assert found.kind is OutcomeKind.BLOCKED
    assert words in (found.error or "")
    assert "hunter2" not in (found.error or "")
    assert names.asked == []


async def test_a_cancelled_exchange_ends_at_once_and_leaves_nothing_open():
    came = asyncio.Event()
    gone = asyncio.Event()

    async def waits(reader, writer) -> None:
        came.set()
        await reader.read()
        gone.set()

    async with receiver(waits) as there, client() as made:
        task = asyncio.create_task(made.post(f"http://127.0.0.1:{there.port}/", b"{}", {}))
        async with asyncio.timeout(5):
            await came.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await gone.wait()


def test_our_own_sentences_hold_nothing_that_redaction_takes_for_a_secret():
    for status in range(100, 600):
        sentence = outcome_of(http_client.Reply(status, {}, b"", "192.0.2.1"), clean=str).error or ""
        assert redact_text(sentence)[0] == sentence
        assert not 400 <= status <= 420 or len(sentence) > 40
