"""Opens a way to the mail server: dials, demands TLS, logs in. What goes wrong is an outcome that says what to do."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import Final

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectResponseError,
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.model.mail import MailSecurity, MailServer
from luota_svc.providers.email_replies import Reply

CONNECT_SECONDS: Final = 3.0
# Under TLS the plainest first: a server that keeps no plain passwords offers CRAM-MD5 and then fails it.
_METHODS: Final = ("plain", "login", "cram-md5")


class MailFailed(Exception):
    """There is no way to the server; `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        """Take what the attempt came to."""
        super().__init__(outcome.error)
        self.outcome = outcome


def failed(kind: OutcomeKind, error: str) -> MailFailed:
    """Return the failure to raise."""
    return MailFailed(Outcome(kind, error))


async def dial(server: MailServer) -> tuple[socket.socket, str]:
    """Connect to the first address that answers, within 3 s for all; return it too. Raises MailFailed."""
    loop = asyncio.get_running_loop()
    where = f"{server.host}:{server.port}"
    last: OSError | None = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            for family, kind, protocol, _, address in await loop.getaddrinfo(
                server.host, server.port, type=socket.SOCK_STREAM
            ):
                sock = socket.socket(family, kind, protocol)
                sock.setblocking(False)
                try:
                    await loop.sock_connect(sock, address)
                except OSError as error:
                    sock.close()
                    last = error
                except BaseException:
                    sock.close()
                    raise
                else:
                    return sock, str(address[0])
    except TimeoutError:
        raise failed(OutcomeKind.UNREACHABLE, f"no connection to the mail server {where} within 3 s") from None
    except socket.gaierror as error:
        words = f"the mail server's name {server.host} is not known to DNS ({error.strerror}): check LUOTA_SMTP_URL"
        raise failed(OutcomeKind.UNREACHABLE, words) from error
    reason = os.strerror(last.errno) if last and last.errno else "it has no address"
    raise failed(OutcomeKind.UNREACHABLE, f"no connection to the mail server {where}: {reason}")


async def open_session(sock: socket.socket, server: MailServer, context: ssl.SSLContext, *, seconds: float) -> SMTP:
    """Greet, turn to TLS and log in over a dialled socket, which is the session's from here on. Raises MailFailed.

    `seconds` bounds the wait for each single answer; the caller bounds the whole.
    """
    session = SMTP(
        hostname=server.host,
        sock=sock,
        local_hostname=_own_name(sock),
        timeout=seconds,
        use_tls=server.security is MailSecurity.TLS,
        start_tls=False,
        tls_context=context,
    )
    try:
        await _prepare(session, server)
    except BaseException:
        hang_up(session)
        raise
    return session


def hang_up(session: SMTP) -> None:
    """End a session at once, without a word and without waiting for the other side."""
    transport = session.transport
    session.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


async def _prepare(session: SMTP, server: MailServer) -> None:
    try:
        await session.connect()
        if server.security is MailSecurity.STARTTLS:
            await _demand_tls(session, server)
        await _greet(session)
        if server.username is not None:
            await _log_in(session, server)
    except (SMTPConnectResponseError, SMTPHeloError) as error:
        reply = Reply(error.code, error.message)
        kind = OutcomeKind.REFUSED if reply.permanent else OutcomeKind.FAILED
        raise failed(kind, f"the mail server does not talk to Luota: it said {reply.words()}") from error
    except SMTPResponseException as error:
        where = f"{server.host}:{server.port}"
        raise failed(OutcomeKind.FAILED, f"{where} does not speak SMTP: is it the port of a mail server?") from error
    except ssl.SSLError as error:
        raise _tls_failed(error, server) from error
    except (SMTPException, OSError) as error:
        cause = error.__cause__
        if isinstance(cause, ssl.SSLError):
            raise _tls_failed(cause, server) from error
        if isinstance(error, TimeoutError):
            raise
        raise failed(OutcomeKind.UNREACHABLE, "the connection to the mail server broke before it was ready") from error


async def _greet(session: SMTP) -> None:
    """EHLO, or HELO for a server that knows no more."""
    try:
        await session.ehlo()
    except SMTPHeloError:
        if not session.is_connected:
            raise
        await session.helo()


async def _demand_tls(session: SMTP, server: MailServer) -> None:
    await _greet(session)
    if not session.supports_extension("starttls"):
        raise failed(
            OutcomeKind.REFUSED,
            f"the mail server {server.host}:{server.port} offers no STARTTLS, so nothing was sent: use another port in "
            "LUOTA_SMTP_URL, or smtps://, or ?starttls=no for a relay on the same machine",
        )
    try:
        await session.starttls()
    except SMTPResponseException as error:
        reply = Reply(error.code, error.message)
        kind = OutcomeKind.REFUSED if reply.permanent else OutcomeKind.FAILED
        raise failed(kind, f"the mail server refuses STARTTLS: it said {reply.words()}") from error


async def _log_in(session: SMTP, server: MailServer) -> None:
    """Try what the server offers. What it says to a login is not repeated: some servers repeat the password."""
    offered = [method for method in _METHODS if method in session.server_auth_methods]
    if not offered:
        raise failed(OutcomeKind.REFUSED, "the mail server offers no login that Luota knows (PLAIN, LOGIN, CRAM-MD5)")
    code = 0
    for method in offered:
        try:
            await getattr(session, f"auth_{method.replace('-', '')}")(server.username, server.password)
        except SMTPAuthenticationError as error:
            code = error.code
            if code == 535 and method != "cram-md5":
                break
        except SMTPServerDisconnected:
            if not code:
                raise
            break
        else:
            return
    if 500 <= code <= 599:
        raise failed(OutcomeKind.REFUSED, f"the server refused the name or password of LUOTA_SMTP_URL ({code})")
    raise failed(OutcomeKind.FAILED, f"the mail server cannot check the name and password now ({code})")


def _tls_failed(error: ssl.SSLError, server: MailServer) -> MailFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        words = (
            f"the certificate of the mail server {server.host} is not trusted ({error.verify_message}): "
            "use the name it is made for, or give your own CA in LUOTA_DELIVERY_CA_FILE"
        )
    elif server.security is MailSecurity.TLS and error.reason == "WRONG_VERSION_NUMBER":
        words = f"{server.host}:{server.port} does not begin with TLS: write smtp:// in LUOTA_SMTP_URL for STARTTLS"
    else:
        words = f"no TLS with the mail server {server.host} ({error.reason or type(error).__name__})"
    return failed(OutcomeKind.UNREACHABLE, words)


def _own_name(sock: socket.socket) -> str:
    """Return how this end names itself: its own address, as a host's short name is refused by some servers."""
    address = str(sock.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
