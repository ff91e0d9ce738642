"""The one way to other people's HTTP servers: bounded in time and size, and never to an address that is refused."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from email.utils import format_datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver
from yarl import URL

from luota_svc.clock import Clock, RealClock
from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.patience import Patience
from luota_svc.providers.http_bounds import BoundedProtocol
from luota_svc.providers.http_exchange import ExchangeFailed, Reply, outcome_of
from luota_svc.providers.http_failures import CONNECT_SECONDS, WHOLE_SECONDS, Dialling, broken_off
from luota_svc.providers.http_lookup import ThreadedLookup
from luota_svc.providers.http_secrets import hide, secrets_of
from luota_svc.telemetry import names

__all__ = ["ExchangeFailed", "GuardedClient", "Reply", "outcome_of"]

_LOG: Final = logging.getLogger(__name__)
_READ_BYTES_MAX: Final = 16_384
# So much later than its 15 s an exchange may be ended.
_LATE_SECONDS: Final = 0.1
# Below what any common server keeps an idle connection for: a request on one that it is just closing would be lost.
_IDLE_SECONDS: Final = 1.5
_DIALLING: ContextVar[Dialling] = ContextVar("dialling")
_Address = tuple[Any, ...]


class AddressRefused(OSError):
    """The address guard forbids what was about to be dialled."""


class _Response(ClientResponse):
    """Remembers where it came from: a short answer has let go of its connection before anybody could ask."""

    peer = ""

    async def start(self, connection: Any) -> ClientResponse:
        """Begin to read the answer."""
        self.peer = connection.protocol.peer if connection.protocol is not None else ""
        return await super().start(connection)


class GuardedClient:
    """Sends POST requests. One instance for a process; called from many tasks at once.

    At most 3 s for a connection and 15 s in all, 16 KiB of an answer are read; no redirects, no cookies, no
    decompression, nothing from the environment.
    """

    def __init__(
        self,
        *,
        permit: Callable[[str], str | None],
        clean: Callable[[str], str],
        ca_file: Path | None = None,
        proxy_url: str | None = None,
        exempt: Callable[[str], bool] = lambda _: False,
        permit_host: Callable[[str], str | None] = lambda _: None,
        allow_http: bool = False,
        clock: Clock | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """Take what decides where a request may go.

        `permit` is asked for every address just before it is dialled, `permit_host` for every URL's host before
        anything is looked up; both answer a reason to refuse, or None. Through a proxy, whose own address is not
        judged, only the host can be. `exempt` names URLs (of drills) that go past all of it, each on a connection of
        its own. `ca_file` is trusted beside the system's authorities. `clean` takes secrets out of text.
        """
        self._permit = permit
        self._permit_host = permit_host
        self._clean = clean
        self._ca_file = ca_file
        self._proxy = None if proxy_url is None else URL(proxy_url)
        self._exempt = exempt
        self._allow_http = allow_http
        self._clock = clock or RealClock()
        self._resolver = resolver
        self._patience = Patience(WHOLE_SECONDS, look_seconds=_LATE_SECONDS)
        self._guarded: ClientSession | None = None
        self._unguarded: ClientSession | None = None

    async def open(self) -> None:
        """Make it ready. Raises OSError or ssl.SSLError where `ca_file` holds no certificate."""
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(cafile=self._ca_file)
        # With a proxy nothing but the proxy is dialled here, which the operator named.
        self._guarded = self._session(context, _plain_socket if self._proxy else self._judged_socket)
        # Never kept: a connection that was exempted must not carry what is not.
        self._unguarded = self._session(context, _plain_socket, force_close=True)
        self._patience.start()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._patience.stop()
        for session in (self._guarded, self._unguarded):
            if session is not None:
                await session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, secrets: Sequence[str] = ()) -> Reply:
        """Send `body` and return the answer. `secrets` are masked where the answer repeats them, as is the URL's own.

        Raises ExchangeFailed: BLOCKED where it may not go, UNREACHABLE, TIMED_OUT or FAILED where no whole answer came.
        """
        exempt = self._exempt(url)
        target = self._target(url, exempt=exempt)
        session = self._unguarded if exempt else self._guarded
        if session is None:
            raise RuntimeError("the client is not open")
        dialling = Dialling(
            target.host_subcomponent or "",
            target.port or 0,
            tls=target.scheme == "https",
            proxy=None if exempt else self._proxy,
        )
        token = _DIALLING.set(dialling)
        try:
            reply = await self._patience.within(self._exchange(session, target, body, headers, dialling))
        except (ClientError, OSError) as error:
            raise self._failed(broken_off(error, dialling), dialling) from None
        except Exception as error:  # noqa: BLE001 - whatever is wrong is an outcome, and is tried again
            # Without the message: it may hold the URL.
            frames = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error(names.LOG_HTTP_EXCHANGE_BROKE, extra={"error_type": type(error).__name__, "frames": frames})
            words = "a fault in Luota kept this message back; its log says which"
            raise self._failed(Outcome(OutcomeKind.FAILED, words), dialling) from None
        finally:
            _DIALLING.reset(token)
        return hide(reply, secrets_of(target, headers, secrets))

    async def _exchange(
        self, session: ClientSession, target: URL, body: bytes, headers: Mapping[str, str], dialling: Dialling
    ) -> Reply:
        response = await session.post(target, data=body, headers=headers, allow_redirects=False, proxy=dialling.proxy)
        try:
            assert isinstance(response, _Response)
            dialling.status = response.status
            text, truncated = await _read(response)
        finally:
            response.close()
        found = {name.lower(): value for name, value in reversed(list(response.headers.items()))}
        if "retry-after" in found and "date" not in found:
            # As RFC 9110, 6.6.1 has it: a Retry-After may be a date to be compared with it.
            found["date"] = format_datetime(self._clock.now(), usegmt=True)
        address = f"{response.peer} (proxy)" if dialling.proxy else response.peer
        return Reply(response.status, found, text, address, truncated)

    def _target(self, url: str, *, exempt: bool) -> URL:
        """Return the URL if it may be asked at all."""
        try:
            # As it was typed: another spelling of a signed query would be another query.
            target = URL(url, encoded=url.isascii() and " " not in url)
            usable = target.scheme in {"http", "https"} and bool(target.raw_host) and target.port is not None
        except ValueError:
            usable = False
        if not usable:
            raise _blocked("the route's URL can't be used: it must be https:// and a host")
        if target.raw_user is not None or target.raw_password is not None:
            raise _blocked("the route's URL must not hold a name or a password")
        if exempt:
            return target
        if target.scheme == "http" and not self._allow_http:
            raise _blocked("the route's URL must begin with https://; LUOTA_DELIVERY_ALLOW_HTTP would allow http://")
        reason = self._permit_host(target.raw_host or "")
        if reason is not None:
            raise _blocked(reason)
        return target

    def _session(
        self, context: ssl.SSLContext, make_socket: Callable[[_Address], socket.socket], *, force_close: bool = False
    ) -> ClientSession:
        connector = TCPConnector(
            ssl=context,
            # The outbox bounds what is in flight.
            limit=0,
            # One lookup of a name at a time, and its answer for those who waited, not for later.
            ttl_dns_cache=0,
            resolver=self._resolver or ThreadedLookup(),
            socket_factory=make_socket,
            force_close=force_close,
            keepalive_timeout=None if force_close else _IDLE_SECONDS,
        )
        # The library has no other place for it.
        bounded: Any = partial(BoundedProtocol, asyncio.get_running_loop())
        connector._factory = bounded  # noqa: SLF001 - as said above
        return ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            response_class=_Response,
            read_bufsize=_READ_BYTES_MAX,
            timeout=ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS),
            headers={"User-Agent": f"Luota/{version('luota')}", "Accept-Encoding": "identity", "Accept": "*/*"},
        )

    def _judged_socket(self, address: _Address) -> socket.socket:
        """Make the socket for one address that is about to be dialled, or refuse it: the guard's last word."""
        dialling = _DIALLING.get()
        reason = self._permit(str(address[4][0]))
        if reason is not None:
            dialling.refusals.append(reason)
            raise AddressRefused(reason)
        return _plain_socket(address)

    def _failed(self, outcome: Outcome, dialling: Dialling) -> ExchangeFailed:
        return ExchangeFailed(
            replace(
                outcome,
                error=self._clean(outcome.error or ""),
                http_status=dialling.status,
                resolved_address=dialling.address,
            )
        )


def _plain_socket(address: _Address) -> socket.socket:
    """Make the socket for one address, and note that it is dialled."""
    family, kind, protocol, _, where = address
    dialling = _DIALLING.get(None)
    if dialling is not None:
        dialling.dialled.append(str(where[0]))
    return socket.socket(family, kind, protocol)


async def _read(response: ClientResponse) -> tuple[bytes, bool]:
    """Return the first 16 KiB of an answer, and whether there was more."""
    parts: list[bytes] = []
    size = 0
    while size <= _READ_BYTES_MAX:
        part = await response.content.readany()
        if not part and response.content.at_eof():
            return b"".join(parts), False
        parts.append(part)
        size += len(part)
    return b"".join(parts)[:_READ_BYTES_MAX], True


def _blocked(reason: str) -> ExchangeFailed:
    return ExchangeFailed(Outcome(OutcomeKind.BLOCKED, reason))
