"""Who refuses what is too large: ours up to 4 MiB, with a request id; beyond it the library."""

from __future__ import annotations

import pytest
from google.rpc import error_details_pb2 as rpc
from tests.grpc_api.conftest import BATCH, CREATE_MONITOR, START, Bench, start_request

from luota.v1 import ingest_service_pb2 as ingest
from luota_svc.grpc_api.server import MESSAGE_BYTES_MAX

KIB = 1024


def request_of(size: int) -> ingest.StartRunRequest:
    """A start whose message is exactly so many bytes."""
    request = start_request(output="")
    request.evidence.output = "x" * (size - request.ByteSize())
    request.evidence.output = "x" * (len(request.evidence.output) - (request.ByteSize() - size))
    assert request.ByteSize() == size
    return request


async def test_a_signal_of_64_kib_is_read(bench: Bench) -> None:
    await bench.send(START, request_of(64 * KIB))
    assert len(bench.core.calls) == 1


@pytest.mark.parametrize("size", [64 * KIB + 1, 1024 * KIB, 4000 * KIB])
async def test_a_larger_signal_is_refused_by_us_before_it_is_parsed(bench: Bench, size: int) -> None:
    refusal = await bench.refused(START, b"\xff" * size)
    assert refusal.code.name == "RESOURCE_EXHAUSTED"
    assert refusal.message == "Request failed"
    assert refusal.detail(rpc.ErrorInfo).reason == "PAYLOAD_TOO_LARGE"
    assert refusal.trailers["x-request-id"] == refusal.detail(rpc.RequestInfo).request_id
    assert bench.core.calls == []


@pytest.mark.parametrize("method", [BATCH, CREATE_MONITOR])
async def test_a_batch_and_a_management_call_may_have_1_mib(bench: Bench, method: str) -> None:
    unknown_field = b"\xfa\x3f" + (1024 * KIB - 5).to_bytes(3, "little")
    varint = b"\xfb\xff\x3f"  # 1048571
    message = unknown_field[:2] + varint + b"x" * 1048571
    assert len(message) == 1024 * KIB
    await bench.send(method, message)
    refusal = await bench.refused(method, message + b"x")
    assert refusal.detail(rpc.ErrorInfo).reason == "PAYLOAD_TOO_LARGE"


async def test_beyond_4_mib_the_library_refuses_unread(bench: Bench) -> None:
    refusal = await bench.refused(START, b"x" * (MESSAGE_BYTES_MAX + 1))
    assert refusal.code.name == "RESOURCE_EXHAUSTED"
    assert refusal.details == []
    await bench.send(START, start_request())
