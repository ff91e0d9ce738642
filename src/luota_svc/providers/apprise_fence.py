"""What a child that runs Apprise may do: dial what the guard permits, read what Python needs, and nothing else.

Lives in the child. The library speaks HTTP through `requests` alone, so its adapter is where an exchange is bounded; an
audit hook, which can't be taken off again, sees every socket, file and process.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import sys
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.exceptions import TimeoutError as NoAnswerYet

_BODY_BYTES_MAX: Final = 16_384
_CONNECT_SECONDS: Final = 3.0
# Modules that are loaded late, zones, authorities.
_READABLE: Final = tuple(
    os.path.realpath(path) + os.sep
    for path in {*map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")), "/usr/share/zoneinfo"}
)
_READABLE_FILES: Final = frozenset({DEFAULT_CA_BUNDLE_PATH, "/dev/null", "/dev/urandom", "/etc/mime.types"})
# Audit events of which no sending needs one, by what they begin with.
_FORBIDDEN: Final = (
    "subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.kill", "os.putenv",
    "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.setxattr", "os.mount", "pty.", "ctypes.", "shutil.", "tempfile.", "signal.pthread_kill", "smtplib.", "ftplib.",
    "telnetlib.", "imaplib.", "poplib.", "nntplib.", "socket.bind", "socket.sendto", "socket.sethostname", "sqlite3.",
)  # fmt: skip


def _authorities() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=DEFAULT_CA_BUNDLE_PATH)
    return context


# Read once, before any child is forked.
_AUTHORITIES: Final = _authorities()


class Forbidden(requests.ConnectionError):
    """The fence is in the way. To plugins and to urllib3 it is a connection that can't be made."""


@dataclass(slots=True)
class Exchange:
    """One request, as far as it came. No member holds the request itself."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    # What kept it from a whole answer: one of _TROUBLES, below.
    trouble: str | None = None
    # The address that was dialled last.
    address: str | None = None
    # Why another was not.
    refusal: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether a whole answer said yes."""
        return self.trouble is None and self.status is not None and 200 <= self.status < 300


@dataclass(slots=True)
class Fence:
    """What may be reached, until when, and what happened.

    `ask_address` returns why an address may not be dialled, `ask_host` why a URL may not name a host; None: it may.
    """

    ask_address: Callable[[str], str | None]
    ask_host: Callable[[str], str | None]
    deadline: float
    allow_http: bool = False
    proxy_url: str | None = None
    ca_file: str | None = None
    refusals: list[str] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    _proxy_addresses: frozenset[tuple[str, int]] = frozenset()
    # The exchange that is going on.
    _current: Exchange | None = None

    def put_up(self) -> None:
        """Fence this process in, for as long as it lives. Raises OSError where `ca_file` holds no certificate."""
        if self.ca_file is not None:
            _AUTHORITIES.load_verify_locations(cafile=self.ca_file)
        if self.proxy_url is not None:
            # Where its name can't be resolved now, the exchange will say so.
            with contextlib.suppress(OSError):
                self._proxy_addresses = _addresses_of(self.proxy_url)
        fence = self

        class FencedAdapter(_Adapter):
            """What every session of this process mounts."""

            def __init__(self) -> None:
                super().__init__(fence)

        vars(requests.sessions)["HTTPAdapter"] = FencedAdapter
        # A redirect is an answer like another.
        requests.Session.get_redirect_target = lambda _self, _reply: None  # type: ignore[method-assign,assignment]
        sys.addaudithook(self._audit)

    def refuse(self, reason: str) -> Forbidden:
        """Keep the reason, and return what is raised for it."""
        self.refusals.append(reason)
        return Forbidden(reason)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            self._judge_dial(arguments[0], arguments[1])
        elif event == "open":
            self._judge_file(*arguments)
        elif event == "socket.__new__":
            self._judge_socket(arguments[1], arguments[2])
        elif event == "socket.sendmsg":
            if arguments[1] is not None:
                raise self.refuse("the service wants to send datagrams, which is not done from here")
        elif event.startswith(_FORBIDDEN):
            raise self.refuse(f"the service wants {event} of this machine, which is not done from here")

    def _judge_dial(self, dialling: socket.socket, address: Any) -> None:
        if dialling.family not in {socket.AF_INET, socket.AF_INET6} or not isinstance(address, tuple):
            raise self.refuse("the service wants to reach this machine, which is not done from here")
        host, port = str(address[0]), address[1]
        if (host, port) in self._proxy_addresses:
            return
        try:
            ip_address(host.partition("%")[0])
        except ValueError:
            # Resolved behind our back it could become any address.
            raise self.refuse("the service wants to dial a name unresolved, which is not done from here") from None
        reason = self.ask_address(host)
        if reason is None:
            if self._current is not None:
                self._current.address = host
        elif self._current is not None:
            # A name may have other addresses, and one of them may be permitted: the exchange's end decides.
            self._current.refusal = reason
            raise Forbidden(reason)
        else:
            raise self.refuse(reason)

    def _judge_socket(self, family: int, kind: int) -> None:
        flags = getattr(socket, "SOCK_NONBLOCK", 0) | getattr(socket, "SOCK_CLOEXEC", 0)
        if family not in {socket.AF_INET, socket.AF_INET6} or kind & ~flags != socket.SOCK_STREAM:
            raise self.refuse("the service wants a socket of another kind than TCP, which is not done from here")

    def _judge_file(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int):
            return
        writes = (isinstance(mode, str) and mode.strip("rbtU") != "") or (
            isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND) != 0
        )
        name = os.path.realpath(os.fsdecode(path))
        if not writes and (name.startswith(_READABLE) or name in self._readable_files()):
            return
        raise self.refuse("the service wants a file of this machine, which is not done from here")

    def _readable_files(self) -> frozenset[str]:
        return _READABLE_FILES if self.ca_file is None else _READABLE_FILES | {os.path.realpath(self.ca_file)}


class _Adapter(HTTPAdapter):
    """Bounds every exchange: its time, its body, whom it trusts, which way it goes."""

    def __init__(self, fence: Fence) -> None:
        # Before the base class, which builds its pool.
        self._fence = fence
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Give the pool our authorities."""
        super().init_poolmanager(*arguments, **options, ssl_context=_AUTHORITIES)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Give the proxy's pool our authorities too."""
        return super().proxy_manager_for(proxy, **options, ssl_context=_AUTHORITIES)

    def cert_verify(self, *_ignored: Any) -> None:
        """Leave the pool with our authorities: reading the library's own for every request takes longer than it all."""

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, *, verify: Any = True, **_ignored: Any
    ) -> requests.Response:
        """Make one exchange and keep what came of it. Raises what `requests` raises."""
        fence = self._fence
        parts = urlsplit(str(request.url))
        if parts.scheme != "https" and not fence.allow_http:
            raise fence.refuse(
                "the service would be told by http without TLS, which LUOTA_DELIVERY_ALLOW_HTTP would allow"
            )
        if not verify:
            raise fence.refuse("the URL holds verify=no: its token would be given to whoever stands in between")
        reason = fence.ask_host(parts.hostname or "")
        if reason is not None:
            raise fence.refuse(reason)
        proxies = {} if fence.proxy_url is None else {"http": fence.proxy_url, "https": fence.proxy_url}
        # Nothing is unpacked: a small body may hold a large one.
        request.headers["Accept-Encoding"] = "identity"
        exchange = Exchange()
        fence.exchanges.append(exchange)
        fence._current = exchange  # noqa: SLF001 - the other half of this file
        try:
            return self._exchange(request, exchange, proxies)
        except (requests.RequestException, HTTPError, OSError) as error:
            exchange.trouble = _trouble_of(error)
            if exchange.refusal is not None and exchange.address is None:
                fence.refusals.append(exchange.refusal)
            raise
        finally:
            fence._current = None  # noqa: SLF001 - as above

    def _exchange(
        self, request: requests.PreparedRequest, exchange: Exchange, proxies: dict[str, str]
    ) -> requests.Response:
        left = self._left()
        timeout = (min(_CONNECT_SECONDS, left), left)
        reply = super().send(request, stream=True, timeout=timeout, verify=True, proxies=proxies)
        exchange.status = reply.status_code
        exchange.headers = {name.lower(): value for name, value in reply.headers.items()}
        try:
            exchange.body = self._body(reply)
        except (HTTPError, OSError) as error:
            # The plugin sees a broken connection, as `requests` would say it.
            raise requests.ConnectionError(error, request=request) from error
        finally:
            reply.raw.close()
        # What `requests` keeps of a body that was read: the library looks at it by `content`, `text` and `json()`.
        reply._content = exchange.body  # noqa: SLF001 - there is no other way to hand over a body that was read here
        reply._content_consumed = True  # noqa: SLF001 - as above
        return reply

    def _body(self, reply: requests.Response) -> bytes:
        body = bytearray()
        while len(body) < _BODY_BYTES_MAX:
            self._left()
            piece = reply.raw.read1(_BODY_BYTES_MAX - len(body), decode_content=False)
            if not piece:
                break
            body += piece
        return bytes(body)

    def _left(self) -> float:
        left = self._fence.deadline - time.monotonic()
        if left <= 0:
            raise requests.Timeout("no time is left")
        return left


def _trouble_of(error: BaseException) -> str:
    """Name what went wrong, by whichever of an error's causes says it."""
    causes = _causes(error)
    for trouble, kinds in _TROUBLES:
        if any(isinstance(each, kinds) for each in causes):
            return trouble
    return "connection"


_TROUBLES: Final[tuple[tuple[str, tuple[type[BaseException], ...]], ...]] = (
    ("tls", (ssl.SSLError,)),
    ("proxy", (requests.exceptions.ProxyError,)),
    ("dns", (NameResolutionError, socket.gaierror)),
    # To urllib3 a connection that is refused is one that took too long.
    ("connection", (NewConnectionError,)),
    ("unconnected", (ConnectTimeoutError, requests.ConnectTimeout)),
    ("timeout", (requests.Timeout, NoAnswerYet, TimeoutError)),
    ("connection", (ConnectionError, RemoteDisconnected, IncompleteRead)),
    ("protocol", (HTTPException, requests.exceptions.InvalidHeader)),
)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    pending: list[Any] = [error]
    while pending:
        each = pending.pop()
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            pending += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return found


def _addresses_of(proxy_url: str) -> frozenset[tuple[str, int]]:
    parts = urlsplit(proxy_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    return frozenset((str(sockaddr[0]), port) for *_, sockaddr in found)
