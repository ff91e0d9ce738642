"""Floor: a bare grpc.aio unary method that decodes the same message and answers a constant. Nothing is kept."""

from __future__ import annotations

import asyncio
import signal

import grpc
import uvloop
from google.protobuf.timestamp_pb2 import Timestamp

from luota.v1 import ingest_service_pb2, runs_pb2

_ANSWER = ingest_service_pb2.RunReceipt(
    run=ingest_service_pb2.RunSummary(
        id="0190163d-8694-739b-aea5-966c26f8ad90",
        monitor_id="0190163d-8694-739b-aea5-966c26f8ad91",
        external_run_id="job-42",
        state=runs_pb2.RUN_STATE_RUNNING,
        started_at=Timestamp(seconds=1_779_710_400),
    ),
    request_id="req-01HX0000000000000000000000",
)


async def _start(_request: ingest_service_pb2.StartRunRequest, _context: object) -> ingest_service_pb2.RunReceipt:
    return _ANSWER


async def _main() -> None:
    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(
        _start,
        request_deserializer=ingest_service_pb2.StartRunRequest.FromString,
        response_serializer=ingest_service_pb2.RunReceipt.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("luota.v1.IngestService", {"StartRun": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print("ready", port, flush=True)
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    await asked.wait()
    await server.stop(1)


if __name__ == "__main__":
    uvloop.run(_main())
