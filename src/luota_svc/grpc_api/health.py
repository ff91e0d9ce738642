"""grpc.health.v1: NOT_SERVING for everything until the process is ready, and again from the drain on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

SERVICE_NAME: Final = "grpc.health.v1.Health"


class Readiness:
    """One answer for the process ("") and for every service of ours."""

    def __init__(self, services: Iterable[str]) -> None:
        """Take the names of the services that share the answer."""
        self._names = ("", *services)
        self._servicer = health_aio.HealthServicer()

    async def serve_on(self, server: grpc.aio.Server) -> None:
        """Register with a server that has not started. The library would say SERVING from the beginning."""
        await self.set(ready=False)
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def set(self, *, ready: bool) -> None:
        """Say whether calls are welcome; those who watch are told at once."""
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._names:
            await self._servicer.set(name, status)

    async def close(self) -> None:
        """Say NOT_SERVING for good."""
        await self._servicer.enter_graceful_shutdown()
