"""Mail servers with TLS, logins and bad manners: what each comes to, in words and without secrets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket

import pytest
from tests.providers.email_desk import FROM, OLGA, dispatch_of, provider_of
from tests.providers.mail_servers import (
    NAME,
    PASSWORD,
    Mailroom,
    authenticate,
    real_server,
    scripted_server,
)

from luota_svc.clock import StubClock
from luota_svc.model.deliveries import Dispatch, OutcomeKind
from luota_svc.model.mail import MailSecurity, MailServer
from luota_svc.providers import email as email_provider
from luota_svc.providers import email_connection
from luota_svc.providers.email import EmailProvider

pytestmark = [
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning:aiosmtpd.*"),
]


# --- TLS and login ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smtps", [False, True])
async def test_under_tls_of_ones_own_ca_it_logs_in_and_delivers(authority, smtps):
    room = Mailroom()
    security = MailSecurity.TLS if smtps else MailSecurity.STARTTLS
    options = {"smtps": smtps, "require_starttls": not smtps, "auth_required": True, "auth_require_tls": not smtps}
    async with real_server(room, tls=authority.context("127.0.0.1"), authenticator=authenticate, **options) as port:
        provider = provider_of(port, security, login=(NAME, PASSWORD), ca_file=authority.file)
        outcome = await provider.send(dispatch_of())
    assert outcome.kind is OutcomeKind.DELIVERED, outcome
    assert room.sessions[0].authenticated
    assert room.sessions[0].ssl is not None or smtps


@pytest.mark.parametrize("smtps", [False, True])
@pytest.mark.parametrize(
    ("names", "days", "trusted", "reason"),
    [
        (("127.0.0.1",), 1, False, "unable to get local issuer certificate"),
        (("mx.example.org",), 1, True, "IP address mismatch"),
        (("127.0.0.1",), -1, True, "certificate has expired"),
    ],
)
async def test_a_certificate_that_is_not_trusted_keeps_everything_back(authority, smtps, names, days, trusted, reason):
    room = Mailroom()
    async with real_server(room, tls=authority.context(*names, days=days), smtps=smtps) as port:
        security = MailSecurity.TLS if smtps else MailSecurity.STARTTLS
        provider = provider_of(port, security, ca_file=authority.file if trusted else None)
        outcome = await provider.send(dispatch_of())
    assert outcome.kind is OutcomeKind.UNREACHABLE
    assert reason in outcome.error
    assert "LUOTA_DELIVERY_CA_FILE" in outcome.error
    assert room.sessions == []
    assert outcome.recipients == (OLGA,)


async def test_a_server_without_starttls_hears_neither_password_nor_message():
    room = Mailroom()
    async with real_server(room, authenticator=authenticate, auth_require_tls=False) as port:
        outcome = await provider_of(port, MailSecurity.STARTTLS, login=(NAME, PASSWORD)).send(dispatch_of())
    assert outcome.kind is OutcomeKind.REFUSED
    assert "offers no STARTTLS" in outcome.error
    assert room.sessions == []


async def test_a_wrong_password_is_refused_and_shown_nowhere(authority):
    room = Mailroom()
    options = {"auth_required": True, "authenticator": authenticate}
    async with real_server(room, tls=authority.context("127.0.0.1"), require_starttls=True, **options) as port:
        provider = provider_of(port, MailSecurity.STARTTLS, login=(NAME, "not-the-password"), ca_file=authority.file)
        outcome = await provider.send(dispatch_of())
    assert outcome.kind is OutcomeKind.REFUSED
    assert outcome.error == "the server refused the name or password of LUOTA_SMTP_URL (535)"
    assert "not-the-password" not in repr(outcome)
    assert room.taken == []


async def test_tls_from_the_first_byte_at_a_port_that_begins_plain_says_which_url_to_write(authority):
    async with real_server(Mailroom()) as port:
        outcome = await provider_of(port, MailSecurity.TLS, ca_file=authority.file).send(dispatch_of())
    assert outcome.kind is OutcomeKind.UNREACHABLE
    assert "write smtp:// in LUOTA_SMTP_URL" in outcome.error


# --- servers that misbehave ---------------------------------------------------------------------------------------

EHLO, AUTH = "250 mx.test", "250-mx.test\r\n250 AUTH PLAIN LOGIN CRAM-MD5"


OK = "250 OK"


SENT = base64.b64encode(f"\0{NAME}\0{PASSWORD}".encode()).decode()


BLABBING = f"550 {PASSWORD} {SENT} wfmn1.secret"


@pytest.mark.parametrize(
    ("answers", "login", "kind", "words"),
    [
        (["554 5.3.2 Not for you"], False, OutcomeKind.REFUSED, "not talk to Luota: it said 554 5.3.2 Not for you"),
        (["421 Too busy"], False, OutcomeKind.FAILED, "421 Too busy"),
        (["HTTP/1.1 400 Bad Request"], False, OutcomeKind.FAILED, "does not speak SMTP"),
        (["220 x", "502 no EHLO", "502 no HELO"], False, OutcomeKind.REFUSED, "502 no HELO"),
        (["220 x", "502 no EHLO", OK, OK, OK, "354 go", "250 OK id=1abcDE-00"], False, OutcomeKind.DELIVERED, None),
        ([None], False, OutcomeKind.UNREACHABLE, "broke before it was ready"),
        (["220 x", None], False, OutcomeKind.UNREACHABLE, "broke before it was ready"),
        (["220 x", EHLO, None], False, OutcomeKind.UNREACHABLE, "broke before it said that it took the message"),
        (["220 x", EHLO, OK, OK, "354 go", None], False, OutcomeKind.UNREACHABLE, "broke before it said that it took"),
        (["220 x", EHLO, OK, "421 4.3.2 Closing"], False, OutcomeKind.FAILED, "421 4.3.2 Closing"),
        (["220 x", EHLO, "nonsense"], False, OutcomeKind.FAILED, "no SMTP"),
        (["220 x", EHLO, OK, OK, "354 go", OK, None], False, OutcomeKind.DELIVERED, None),
        (["220 x", EHLO], True, OutcomeKind.REFUSED, "offers no login that Luota knows"),
        (["220 x", AUTH, f"535 5.7.8 {SENT}"], True, OutcomeKind.REFUSED, "or password of LUOTA_SMTP_URL (535)"),
        (["220 x", AUTH, f"501 AUTH PLAIN {SENT}", None], True, OutcomeKind.REFUSED, "LUOTA_SMTP_URL (501)"),
        (["220 x", AUTH, *["454 4.7.0 Later"] * 3], True, OutcomeKind.FAILED, "cannot check the name"),
        (["220 x", AUTH, "235 ok", OK, BLABBING], True, OutcomeKind.REJECTED, "*** *** [redacted]"),
    ],
)  # fmt: skip
async def test_whatever_a_server_says_is_an_outcome_with_words_and_without_secrets(answers, login, kind, words):
    async with scripted_server(*answers) as port:
        provider = provider_of(port, login=(NAME, PASSWORD) if login else None)
        outcome = await provider.send(dispatch_of())
    assert outcome.kind is kind, outcome
    assert words is None or words in outcome.error
    assert PASSWORD not in repr(outcome)
    assert SENT not in repr(outcome)
    assert "wfmn1.secret" not in repr(outcome)
    assert outcome.recipients == (() if kind in {OutcomeKind.DELIVERED, OutcomeKind.REJECTED} else (OLGA,))


@pytest.mark.parametrize(
    "answers",
    [
        [""],
        ["220 x", ""],
        ["220 x", EHLO, OK, ""],
        ["220 x", EHLO, OK, OK, "354 go", ""],
    ],
)
async def test_a_server_that_falls_silent_is_timed_out_at_every_step(answers, monkeypatch):
    monkeypatch.setattr(email_provider, "_WHOLE_SECONDS", 0.3)
    async with scripted_server(*answers) as port:
        outcome = await provider_of(port).send(dispatch_of())
    assert outcome.kind is OutcomeKind.TIMED_OUT
    assert f"127.0.0.1:{port} did not answer within 15 s" in outcome.error
    assert outcome.recipients == (OLGA,)


async def test_a_farewell_that_nobody_answers_does_not_undo_a_delivery(monkeypatch):
    monkeypatch.setattr(email_provider, "_FAREWELL_SECONDS", 0.1)
    async with scripted_server("220 x", EHLO, OK, OK, "354 go", "250 OK id=1abcDE-000000-0A", "") as port:
        outcome = await provider_of(port).send(dispatch_of())
    assert (outcome.kind, outcome.provider_id) == (OutcomeKind.DELIVERED, "1abcDE-000000-0A")


async def test_a_dead_port_is_unreachable_and_says_where():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        outcome = await provider_of(port).send(dispatch_of())
    assert outcome.kind is OutcomeKind.UNREACHABLE
    assert f"no connection to the mail server 127.0.0.1:{port}: Connection refused" in outcome.error


async def test_a_connection_that_nobody_answers_ends_after_its_own_bound(monkeypatch):
    monkeypatch.setattr(email_connection, "CONNECT_SECONDS", 0.2)
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    port = full.getsockname()[1]
    waiting = []
    try:
        # The kernel lets backlog + 1 in; whoever comes later hears nothing.
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(("127.0.0.1", port))
        outcome = await provider_of(port).send(dispatch_of())
    finally:
        for each in (*waiting, full):
            each.close()
    assert outcome.kind is OutcomeKind.UNREACHABLE
    assert "within 3 s" in outcome.error


async def test_an_unknown_name_is_unreachable_and_names_the_setting():
    outcome = await provider_of(25, host="no-such-host.invalid").send(dispatch_of())
    assert outcome.kind is OutcomeKind.UNREACHABLE
    assert "LUOTA_SMTP_URL" in outcome.error


async def test_a_send_that_is_cancelled_hangs_up():
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        asked.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        hung_up.set()
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, asyncio.timeout(10):
        port = server.sockets[0].getsockname()[1]
        sending = asyncio.create_task(provider_of(port).send(dispatch_of()))
        await asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await hung_up.wait()


async def test_without_a_server_or_a_sender_it_says_what_to_set():
    for server, sender in ((None, FROM), (MailServer("127.0.0.1", 1), None)):
        provider = EmailProvider(server=server, sender=sender, clock=StubClock(), clean=str)
        outcome = await provider.send(dispatch_of())
        assert outcome.kind is OutcomeKind.REFUSED
        assert outcome.error == "e-mail is not set up: set LUOTA_SMTP_URL and LUOTA_SMTP_FROM"


async def test_content_that_is_no_alert_is_an_outcome_and_a_line_in_the_log(caplog):
    dispatch = dispatch_of()
    broken = Dispatch(**{name: getattr(dispatch, name) for name in Dispatch.__slots__} | {"content": b"{}"})
    async with real_server(Mailroom()) as port:
        outcome = await provider_of(port).send(broken)
    assert outcome.kind is OutcomeKind.FAILED
    assert "email_attempt_broke" in caplog.text
