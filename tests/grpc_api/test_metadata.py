"""What metadata becomes of a call, and what of an answer."""

from __future__ import annotations

import asyncio
import struct

import pytest
from tests.grpc_api.conftest import CREATE_MONITOR, PING, START, WAIT, Bench, start_request

from luota.v1 import ingest_service_pb2 as ingest
from luota.v1 import monitor_service_pb2 as monitors
from luota_svc.model.call import Door
from luota_svc.model.limits import Decision, Policy

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_a_call_carries_what_the_caller_showed(bench: Bench) -> None:
    await bench.send(
        START,
        start_request(),
        x_luota_key="one",
        authorization="bearer two",
        x_watchflow_key="three",
        x_request_id="my-request-1",
        traceparent=f"00-{TRACE}-00f067aa0ba902b7-00",
    )
    call = bench.core.last_call
    assert call.door is Door.GRPC
    assert call.method == START
    assert sorted(call.credentials) == ["one", "three", "two"]
    assert call.caller_request_id == "my-request-1"
    assert call.request_id.startswith("req-")
    assert len(call.request_id) == 30
    assert call.source_address == "127.0.0.1"
    assert call.traceparent is not None
    assert call.traceparent[3:35] == TRACE
    assert call.traceparent[36:52] != "00f067aa0ba902b7", "the span is ours, the trace the caller's"


async def test_an_authorization_that_is_no_bearer_is_no_credential(bench: Bench) -> None:
    await bench.send(START, start_request(), authorization="Basic dXNlcjpwYXNz", x_luota_key="one")
    assert bench.core.last_call.credentials == ("one",)


@pytest.mark.parametrize("empty", [{"x_watchflow_key": ""}, {"authorization": "Bearer "}])
async def test_an_empty_credential_is_none(bench: Bench, empty: dict[str, str]) -> None:
    await bench.send(START, start_request(), x_luota_key="one", **empty)
    assert bench.core.last_call.credentials == ("one",)


@pytest.mark.parametrize("sent", ["short", "x" * 129, "has space in it", "", " " * 10])
async def test_a_request_id_that_breaks_the_rule_is_dropped(bench: Bench, sent: str) -> None:
    await bench.send(START, start_request(), x_request_id=sent)
    assert bench.core.last_call.caller_request_id is None


@pytest.mark.parametrize("sent", ["x" * 8, "!" * 128])
async def test_a_request_id_at_the_bounds_is_kept(bench: Bench, sent: str) -> None:
    await bench.send(START, start_request(), x_request_id=sent)
    assert bench.core.last_call.caller_request_id == sent


async def test_binary_metadata_is_ignored(bench: Bench) -> None:
    pairs = (("x-request-id-bin", b"\xff\x00" * 8), ("x-luota-key-bin", b"\xff"), ("x-luota-key", "one"))
    await bench.channel.unary_unary(f"/{START}")(start_request().SerializeToString(), metadata=pairs, timeout=WAIT)
    assert bench.core.last_call.credentials == ("one",)
    assert bench.core.last_call.caller_request_id is None


async def test_huge_metadata_is_refused_and_the_server_goes_on(bench: Bench) -> None:
    refusal = await bench.refused(START, start_request(), x_request_id="x" * 100_000)
    assert refusal.code.name in {"RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE"}
    await bench.send(START, start_request())
    assert len(bench.core.calls) == 1


async def test_bytes_that_are_not_ascii_in_a_header_harm_nobody(bench: Bench) -> None:
    await _send_by_hand(
        bench.port, [(b"x-request-id", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"), (b"x-luota-key", b"k\xe4y")]
    )
    await bench.send(START, start_request(), x_request_id="after-them")
    assert bench.core.last_call.caller_request_id == "after-them"
    assert all(call.caller_request_id in {None, "after-them"} for call, _ in bench.core.calls)


async def test_a_traceparent_that_is_none_starts_a_trace_of_ours(bench: Bench) -> None:
    await bench.send(START, start_request(), traceparent="00-nonsense")
    traceparent = bench.core.last_call.traceparent
    assert traceparent is not None
    assert len(traceparent) == 55


async def test_a_trusted_proxy_names_the_source(bench: Bench) -> None:
    pairs = (("x-forwarded-for", "203.0.113.9, 198.51.100.7, 127.0.0.2"),)
    await bench.channel.unary_unary(f"/{START}")(b"", metadata=pairs, timeout=WAIT)
    assert bench.core.last_call.source_address == "198.51.100.7"


async def test_an_idempotency_key_fills_what_the_request_left_empty(bench: Bench) -> None:
    await bench.send(CREATE_MONITOR, monitors.CreateMonitorRequest(), idempotency_key="k-1")
    await bench.send(CREATE_MONITOR, monitors.CreateMonitorRequest(idempotency_key="own"), idempotency_key="k-2")
    await bench.send(PING, ingest.PingRequest(), idempotency_key="k-3")
    await bench.send(START, start_request(), idempotency_key="k-4")
    (_, first), (_, second), (_, ping), (_, start) = bench.core.calls
    assert first.idempotency_key == "k-1"
    assert second.idempotency_key == "own"
    assert ping.signal_id == "k-3"
    assert start == start_request()


@pytest.mark.parametrize("sent", ["", "k" * 201])
async def test_an_idempotency_key_that_cannot_be_kept_is_refused(bench: Bench, sent: str) -> None:
    refusal = await bench.refused(CREATE_MONITOR, b"", idempotency_key=sent)
    assert refusal.code.name == "INVALID_ARGUMENT"
    assert bench.core.calls == []


async def test_every_answer_carries_our_request_id_and_the_tightest_bucket(bench: Bench) -> None:
    def script(call: object, _request: object) -> ingest.RunReceipt:
        bench.core.last_call.limit = Decision(
            allowed=True, policy=Policy.MONITOR_TOKEN_MINUTE, limit=60, remaining=59, reset_seconds=42
        )
        return ingest.RunReceipt()

    bench.core.scripts[START] = script
    call = bench.call(START, start_request())
    await call
    assert dict(await call.trailing_metadata()) == {
        "x-request-id": bench.core.last_call.request_id,
        "ratelimit-policy": '"ingest.monitor_token.minute";q=60;w=60',
        "ratelimit": '"ingest.monitor_token.minute";r=59;t=42',
    }


async def _send_by_hand(port: int, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Speak HTTP/2 without a library that would refuse such bytes; return what came before the end of the stream."""
    plain = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", f"/{START}".encode()),
        (b":authority", b"localhost"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *headers,
    ]
    block = b"".join(b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in plain)
    message = start_request().SerializeToString()
    body = b"\x00" + struct.pack(">I", len(message)) + message
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b""))
    writer.write(_frame(1, 4, 1, block) + _frame(0, 1, 1, body))
    received = b""
    async with asyncio.timeout(WAIT):
        # Trailers (HEADERS with END_STREAM), a reset of the stream, or the end of the connection.
        while not any(kind == 3 or (kind == 1 and flags & 1) for kind, flags in _frames(received)):
            part = await reader.read(4096)
            if not part:
                break
            received += part
    writer.close()
    await writer.wait_closed()
    return received


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _frames(data: bytes) -> list[tuple[int, int]]:
    frames, at = [], 0
    while at + 9 <= len(data):
        size = int.from_bytes(data[at : at + 3], "big")
        if at + 9 + size > len(data):
            break
        frames.append((data[at + 3], data[at + 4]))
        at += 9 + size
    return frames
