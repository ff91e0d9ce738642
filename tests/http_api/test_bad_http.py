"""What no client library would send: lies about length, drips, broken chunks, junk. Every answer bears our id."""

from __future__ import annotations

import asyncio
import re

import pytest
from tests.http_api.conftest import MONITOR, RUN, Door
from tests.http_api.wire import request_bytes

START = "/v1/runs/start"
BODY = b'{"monitorId":"nightly","externalRunId":"1"}'
HEAD = b"POST /v1/runs/start HTTP/1.1\r\nhost: d\r\n"
REQUEST_ID = re.compile("req-[0-9A-HJKMNP-TV-Z]{26}")


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


@pytest.mark.parametrize(
    "raw",
    [
        b"junk\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40,
        b"DANCE / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: d\r\n\r\n",
        b"CONNECT d:1 HTTP/1.1\r\nhost: d\r\n\r\n",
        HEAD + b"content-length: -1\r\n\r\n",
        HEAD + b"content-length: 99999999999999999999999\r\n\r\n",
        HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nx",
        HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: gzip\r\n\r\n",
        HEAD + b"x y: z\r\n\r\n",
        HEAD + b"x: a\0b\r\n\r\n",
        HEAD + b"x: a\r\n folded: b\r\n\r\n",
        HEAD + b"x: " + b"a" * 20_000 + b"\r\n\r\n",
        HEAD + b"x: 1\r\n" * 5_000 + b"\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nhost: d\r\n\r\n",
    ],
    ids=range(18),
)
async def test_what_is_no_http_gets_our_400(door: Door, raw: bytes) -> None:
    answer = await door.send(raw)
    assert answer.status == 400
    assert answer.json["code"] == "invalid_request"
    assert REQUEST_ID.fullmatch(answer.request_id)
    assert answer.headers["connection"] == "close"
    assert "server" not in answer.headers
    assert not door.core.calls
    assert door.lines[-1]["request_id"] == answer.request_id


async def test_a_head_that_never_ends_is_refused_before_it_fills_memory(door: Door) -> None:
    connection = await door.connect()
    await connection.send(HEAD)
    for _ in range(100):
        await connection.send(b"x: " + b"a" * 1_000 + b"\r\n")
        await asyncio.sleep(0)
    assert (await connection.response()).status == 400
    await connection.close()


async def test_a_head_that_drips_loses_its_connection(door: Door) -> None:
    connection = await door.connect()
    await connection.send(HEAD)
    assert await connection.closed()
    await connection.close()


async def test_a_connection_that_says_nothing_is_closed(door: Door) -> None:
    connection = await door.connect()
    assert await connection.closed()
    await connection.close()


async def test_a_body_that_drips_is_cut_off(door: Door) -> None:
    connection = await door.connect()
    await connection.send(HEAD + b"content-length: 60000\r\n\r\n")

    async def drip() -> None:
        while True:
            await connection.send(b"x")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    answer = await connection.response()
    dripping.cancel()
    assert (answer.status, answer.json["error"]) == (400, "The body came too slowly")
    assert answer.headers["connection"] == "close"
    await connection.close()


async def test_a_body_that_ends_before_its_length_is_told_so(door: Door) -> None:
    connection = await door.connect()
    await connection.send(HEAD + b"content-length: 100\r\n\r\n" + BODY)
    connection.writer.write_eof()
    answer = await connection.response()
    assert (answer.status, answer.json["error"]) == (400, "The body ended before its announced length")
    assert await connection.closed()
    assert not door.core.calls
    await connection.close()


async def test_a_body_longer_than_its_length_is_not_taken_for_it(door: Door) -> None:
    connection = await door.connect()
    await connection.send(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY + b"surplus\r\n\r\n")
    assert (await connection.response()).status == 202
    assert await connection.closed()
    assert len(door.core.calls) == 1
    await connection.close()


async def test_a_client_may_close_its_side_after_its_request(door: Door) -> None:
    connection = await door.connect()
    await connection.send(request_bytes("POST", START, BODY))
    connection.writer.write_eof()
    assert (await connection.response()).status == 202
    assert await connection.closed()
    await connection.close()


async def test_a_chunked_body_is_read(door: Door) -> None:
    raw = (
        HEAD
        + b"transfer-encoding: chunked\r\n\r\n"
        + chunked(*(BODY[i : i + 1] for i in range(len(BODY))))
        + b"0\r\n\r\n"
    )
    assert (await door.send(raw)).status == 202
    assert door.core.request.run_key.monitor_id == "nightly"


async def test_a_chunked_body_is_counted_while_it_is_read(door: Door) -> None:
    connection = await door.connect()
    await connection.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(b" " * 40_000))
    await connection.send(chunked(b" " * 40_000))
    answer = await connection.response()
    assert (answer.status, answer.body) == (413, b'{"code":"request_failed","error":"Request failed"}')
    await connection.send(b"0\r\n\r\n" + request_bytes("POST", START, BODY))
    assert (await connection.response()).status == 202
    await connection.close()


async def test_broken_chunks_are_told_in_their_own_answer(door: Door) -> None:
    connection = await door.connect()
    await connection.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(b"{") + b"zz\r\n")
    answer = await connection.response()
    assert (answer.status, answer.json["error"]) == (400, "The body is not valid HTTP")
    assert await connection.closed()
    await connection.close()


@pytest.mark.parametrize("connection_header", ["keep-alive", "close"])
async def test_whoever_sends_too_much_reads_the_refusal_and_no_reset(door: Door, connection_header: str) -> None:
    connection = await door.connect()
    raw = request_bytes("POST", START, b"x" * 3_000_000, connection=connection_header)
    sending = asyncio.create_task(connection.send(raw))
    answer = await connection.response()
    assert answer.status == 413
    await sending
    if connection_header == "close":
        assert await connection.closed()
    else:
        await connection.send(request_bytes("POST", START, BODY))
        assert (await connection.response()).status == 202
    await connection.close()


async def test_an_announced_size_is_refused_before_a_byte_of_it_comes(door: Door) -> None:
    answer = await door.send(HEAD + b"content-length: 65537\r\n\r\n")
    assert answer.status == 413


async def test_a_refused_body_without_end_is_not_read_without_end(door: Door) -> None:
    connection = await door.connect()
    await connection.send(HEAD + b"content-length: 999999999999\r\n\r\n")
    assert (await connection.response()).status == 413

    async def flood() -> None:
        while True:
            await connection.send(b"x" * 1_000_000)

    with pytest.raises(ConnectionError):
        async with asyncio.timeout(10):
            await flood()
    await connection.close()


async def test_a_refused_body_that_drips_holds_its_connection_for_a_while_only(door: Door) -> None:
    connection = await door.connect()
    await connection.send(b"POST /nope HTTP/1.1\r\nhost: d\r\ncontent-length: 1000\r\n\r\nx")
    assert (await connection.response()).status == 404
    assert await connection.closed()
    await connection.close()


async def test_expect_100_continue_is_answered_before_the_body(door: Door) -> None:
    connection = await door.connect()
    await connection.send(HEAD + b"content-length: %d\r\nexpect: 100-continue\r\n\r\n" % len(BODY))
    assert (await connection.response(head_only=True)).status == 100
    await connection.send(BODY)
    assert (await connection.response()).status == 202
    await connection.close()


async def test_expect_100_continue_for_too_much_is_refused_instead(door: Door) -> None:
    connection = await door.connect()
    await connection.send(HEAD + b"content-length: 70000\r\nexpect: 100-continue\r\n\r\n")
    answer = await connection.response()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert await connection.closed()
    await connection.close()


async def test_http_1_0_is_answered_and_closed(door: Door) -> None:
    connection = await door.connect()
    await connection.send(b"POST /v1/runs/start HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY)
    answer = await connection.response()
    assert (answer.status, answer.headers["connection"]) == (202, "close")
    assert await connection.closed()
    await connection.close()


async def test_an_upgrade_is_ignored_and_the_request_answered(door: Door) -> None:
    upgrade = {"connection": "Upgrade", "upgrade": "websocket"}
    assert (await door.send(request_bytes("GET", "/healthz", **upgrade))).status == 200
    refused = await door.send(request_bytes("POST", START, BODY, **upgrade))
    assert refused.json["error"] == "A request with a body cannot ask for an upgrade"


async def test_pipelined_requests_are_answered_in_their_order(door: Door) -> None:
    connection = await door.connect()
    paths = [START, "/nope", f"/v1/runs/{RUN}/fail", f"/v1/monitors/{MONITOR}/ping", START]
    await connection.send(b"".join(request_bytes("POST", path, BODY) for path in paths))
    assert [(await connection.response()).status for _ in paths] == [202, 404, 202, 202, 202]
    await connection.close()


async def test_junk_behind_a_request_does_not_take_the_place_of_its_answer(door: Door) -> None:
    started, release = asyncio.Event(), asyncio.Event()
    receipt = door.core.scripts["StartRun"](None, None)

    async def slow(_call, _request):
        started.set()
        await release.wait()
        return receipt

    door.core.scripts["StartRun"] = slow
    connection = await door.connect()
    await connection.send(request_bytes("POST", START, BODY))
    await started.wait()
    await connection.send(b"junk\r\n\r\n")
    await asyncio.sleep(0)
    release.set()
    assert (await connection.response()).status == 202
    assert await connection.closed()
    await connection.close()


@pytest.mark.parametrize("sent", [HEAD + b"content-length: 100\r\n\r\n{", HEAD])
async def test_a_client_that_leaves_in_the_middle_harms_nobody(
    door: Door, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        connection = await door.connect()
        await connection.send(sent)
        connection.writer.transport.abort()
    assert (await door.ask("POST", START, BODY)).status == 202
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]


@pytest.mark.parametrize(
    "value", ["a\r\nx-evil: 1", "%0d%0ax-evil: 1", "\x00", "é" * 20, "x" * 5_000, "<script>", "wfws1.a.b"]
)
async def test_nothing_a_client_sends_comes_back_in_a_header(door: Door, value: str) -> None:
    headers = "".join(
        f"{name}: {value}\r\n"
        for name in ("x-request-id", "idempotency-key", "traceparent", "x-forwarded-for", "origin")
    ).encode("latin-1")
    answer = await door.send(HEAD + headers + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
    assert answer.status in {202, 400}
    assert set(answer.headers) <= {"date", "content-type", "content-length", "x-request-id", "connection"}
    assert REQUEST_ID.fullmatch(answer.request_id)


async def test_a_get_with_a_body_is_answered_and_the_body_ignored(door: Door) -> None:
    connection = await door.connect()
    await connection.send(request_bytes("GET", f"/v1/monitors/{MONITOR}", b"{junk"))
    assert (await connection.response()).status == 200
    await connection.send(request_bytes("GET", "/healthz"))
    assert (await connection.response()).json == {"status": "ok"}
    await connection.close()


async def test_two_hundred_requests_share_a_connection(door: Door) -> None:
    connection = await door.connect()
    ids = set()
    for _ in range(200):
        await connection.send(request_bytes("POST", START, BODY))
        ids.add((await connection.response()).request_id)
    assert len(ids) == 200
    await connection.close()
