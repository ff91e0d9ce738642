"""The grpc.aio server: built from the descriptors, bound to one address, stopped within a bound."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc
import grpc.aio
from grpc_reflection.v1alpha import reflection

from luota_svc.clock import Clock
from luota_svc.core.methods import Method, Stream
from luota_svc.grpc_api.calls import CallReader
from luota_svc.grpc_api.health import SERVICE_NAME as HEALTH_SERVICE
from luota_svc.grpc_api.health import Readiness
from luota_svc.grpc_api.methods import BoundMethod, BoundStream, bind_methods, bind_streams, contract_services
from luota_svc.grpc_api.observing import Hooks
from luota_svc.grpc_api.streaming import Streaming
from luota_svc.grpc_api.unary import Unary
from luota_svc.rules.address import Network

IN_FLIGHT_MAX: Final = 8_192
# So large that our own check answers for what is merely too large; beyond it the library refuses unread.
MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
# Our own refusal comes first, with a request id; the library's stands behind it, for streams of the other services.
_LIBRARY_RPCS_MAX: Final = IN_FLIGHT_MAX + 1_024
# How long those who only watch (health, reflection) may take to go once the last call is answered.
_STREAMS_SECONDS: Final = 0.1


class AddressTaken(Exception):
    """Somebody else listens there, or the address is not ours. One line for the operator."""


class GrpcServer:
    """One server for one process. `start` once, `stop` as often as one likes."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        streams: Mapping[str, Stream],
        *,
        hooks: Hooks,
        clock: Clock,
        trusted_proxies: Sequence[Network] = (),
        reflect: bool = True,
        in_flight_max: int = IN_FLIGHT_MAX,
    ) -> None:
        """Bind the contract to `methods` and `streams` (raises ContractBroken where they differ). Opens nothing."""
        self._methods = bind_methods(methods)
        self._streams = bind_streams(streams)
        reader = CallReader(clock, trusted_proxies)
        self._unary = Unary(reader, hooks, clock, in_flight_max=in_flight_max)
        self._streaming = Streaming(reader, hooks, clock)
        self._services = tuple(service.full_name for service in contract_services())
        self._readiness = Readiness(self._services)
        self._reflect = reflect
        self._server: grpc.aio.Server | None = None

    async def start(self, listen: str) -> int:
        """Listen on `host:port` (port 0: any) and return the port. Raises AddressTaken. Health says NOT_SERVING."""
        assert self._server is None, "a server starts once"
        _try_address(listen)
        server = grpc.aio.server(options=_options(), maximum_concurrent_rpcs=_LIBRARY_RPCS_MAX)
        await self._serve_on(server)
        try:
            port: int = server.add_insecure_port(listen)
        except RuntimeError as error:
            raise AddressTaken(f"cannot listen on {listen}: {error}") from error
        await server.start()
        self._server = server
        return port

    @property
    def running_count(self) -> int:
        """How many calls are being carried out, or are answered and not yet sent."""
        return len(self._running())

    async def set_ready(self, ready: bool) -> None:  # noqa: FBT001 - the verb says what the bool is
        """Turn grpc.health.v1 to SERVING or NOT_SERVING, for the process and every service."""
        await self._readiness.set(ready=ready)

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new calls and end streams at once, let running calls end in time, cancel the rest. Twice-safe."""
        server = self._server
        if server is None:
            return
        await self._readiness.close()
        stopping = asyncio.ensure_future(server.stop(grace_seconds))
        self._streaming.drain()
        # The library's stop does not wait for a call that was aborted, and does wait for those who only watch.
        if running := self._running():
            await asyncio.wait(running, timeout=grace_seconds)
        await server.stop(_STREAMS_SECONDS)
        await stopping
        if running := self._running():
            await asyncio.wait(running, timeout=1.0)  # cancelled by now: their last lines

    def _running(self) -> set[asyncio.Task[Any]]:
        return self._unary.running | self._streaming.running

    async def _serve_on(self, server: grpc.aio.Server) -> None:
        # The first that knows a method takes it: the hot ones before all, and last the one that takes whatever comes.
        contract = _Contract(self._unary, self._methods, self._streaming, self._streams)
        server.add_generic_rpc_handlers((contract,))
        unregistered: Any = _Unregistered(server)
        await self._readiness.serve_on(unregistered)
        if self._reflect:
            visible = (*self._services, HEALTH_SERVICE, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(visible, unregistered)
        server.add_generic_rpc_handlers((_Unknown(self._unary),))


class _Contract(grpc.GenericRpcHandler):
    """Takes the methods of luota.v1."""

    def __init__(
        self, unary: Unary, methods: Sequence[BoundMethod], streaming: Streaming, streams: Sequence[BoundStream]
    ) -> None:
        # No (de)serializer: bytes come and go, so that size is checked before parsing and garbage is an
        # InvalidRequest of ours instead of an exception of the library's.
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            f"/{method.name}": grpc.unary_unary_rpc_method_handler(unary.behaviour(method)) for method in methods
        } | {f"/{stream.name}": grpc.unary_stream_rpc_method_handler(streaming.behaviour(stream)) for stream in streams}

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler[Any, Any] | None:
        return self._handlers.get(handler_call_details.method)


class _Unregistered:
    """A server as the stock services see it when they add themselves: without registered methods.

    The library waits for calls of each registered method separately: one asyncio.wait over all of them per call.
    With the four methods of health and reflection that is a tenth of a call's cost, with ours it was a third.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, service_name: str, method_handlers: Any) -> None:
        """Leave it at the generic ones."""


class _Unknown(grpc.GenericRpcHandler):
    """Takes every call that no other took, so that even that answer carries a request id."""

    def __init__(self, unary: Unary) -> None:
        async def refuse(_requests: Any, context: Any) -> None:
            await unary.refuse_unknown(context)

        # Streams on both sides fit any method: nothing is read before the answer.
        self._handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(refuse)

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler[Any, Any]:  # noqa: ARG002 - gRPC's signature
        return self._handler


def _options() -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_concurrent_streams", 256),
        # Connections end, so that clients of a headless service meet new replicas.
        ("grpc.max_connection_age_ms", 300_000),
        ("grpc.max_connection_age_grace_ms", 60_000),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
        # Off: with it two servers on one port would share it, and each caller would meet either.
        ("grpc.so_reuseport", 0),
    ]


def _try_address(listen: str) -> None:
    """Bind once and let go: the library's own failure is a page of noise on stderr."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        return  # a unix socket or a form that only the library knows
    if int(port) > 65_535:
        raise AddressTaken(f"cannot listen on {listen}: no such port")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, int(port)), family=family, backlog=1):
            pass
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AddressTaken(
                f"port {port} is taken on {host}; choose another by LUOTA_GRPC_LISTEN or stop who holds it"
            ) from error
        raise AddressTaken(f"cannot listen on {listen}: {error}") from error
