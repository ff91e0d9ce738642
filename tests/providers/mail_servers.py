"""Mail servers on loopback: a real one that obeys a test, one that says what a test wrote, and a CA of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME, PASSWORD = "bot@example.org", "correct horse battery staple"


@dataclass
class Mailroom:
    """What the real server answers to each recipient, and what it took."""

    answers: dict[str, str] = field(default_factory=dict)
    sender_answer: str | None = None
    data_answer: str = "250 2.0.0 Ok: queued as 4WxYz1"
    taken: list[Envelope] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 - the library's name
        self.sessions.append(session)
        if self.sender_answer is not None:
            return self.sender_answer
        envelope.mail_from, envelope.mail_options = address, options
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - the library's name
        answer = self.answers.get(address, "250 2.1.5 Ok")
        if answer.startswith("25"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the library's name
        if self.data_answer.startswith("250"):
            self.taken.append(envelope)
        return self.data_answer

    def message(self, number: int = -1) -> EmailMessage:
        """Return a message as a reader would."""
        found = message_from_bytes(self.taken[number].original_content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found


def authenticate(server, session, envelope, mechanism, data) -> AuthResult:
    """Let the one user in."""
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (NAME.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False)


@asynccontextmanager
async def real_server(
    room: Mailroom, *, tls: ssl.SSLContext | None = None, smtps: bool = False, **options
) -> AsyncIterator[int]:
    """Run aiosmtpd in this loop; give its port."""
    loop = asyncio.get_running_loop()
    made: list[SMTP] = []

    def factory() -> SMTP:
        made.append(
            SMTP(room, loop=loop, hostname="mx.test", ident="test", tls_context=None if smtps else tls, **options)
        )
        return made[-1]

    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=tls if smtps else None)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        for each in made:
            if each.transport is not None:
                each.transport.abort()
            if each._handler_coroutine is not None:
                each._handler_coroutine.cancel()
                await asyncio.gather(each._handler_coroutine, return_exceptions=True)


@asynccontextmanager
async def scripted_server(*answers: str | None) -> AsyncIterator[int]:
    """Run a server that answers one text to the greeting and to each command; None hangs up, "" says nothing for good.

    The part of DATA up to the lone full stop counts as one command.
    """
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            in_data = False
            for answer in answers:
                if answer is None:
                    break
                if not answer:
                    await ended.wait()
                    break
                writer.write(answer.encode() + b"\r\n")
                await writer.drain()
                await reader.readuntil(b"\r\n.\r\n" if in_data else b"\r\n")
                in_data = answer.startswith("354")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        ended.set()
        server.close()
        await server.wait_closed()


@dataclass(frozen=True)
class Authority:
    """A CA of the test's own."""

    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def file(self) -> Path:
        """What LUOTA_DELIVERY_CA_FILE would name."""
        return self.folder / "ca.pem"

    def context(self, *names: str, days: int = 1) -> ssl.SSLContext:
        """Return a server's context with a certificate for these names; expired where `days` is negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(key, "mx.test", self.certificate.subject, self.key, days=days, names=names, ca=False)
        chain = self.folder / f"{'-'.join(names)}{days}.pem"
        chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + _private(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        return context


def make_authority(folder: Path) -> Authority:
    """Make a CA and write its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA of this test")])
    certificate = _sign(key, "CA of this test", name, key, days=1, names=(), ca=True)
    authority = Authority(folder, certificate, key)
    authority.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return authority


def _sign(key, subject, issuer, issuer_key, *, days: int, names: Sequence[str], ca: bool) -> x509.Certificate:
    now = datetime.now(UTC)
    begin, end = (now - timedelta(days=2), now + timedelta(days=days))
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
