"""E-mail against real servers: what each answer comes to, for whom, and that no secret is in it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.providers.email_alerts import DELIVERY, INCIDENT, frozen, opened, resolved, test_alert
from tests.providers.mail_servers import (
    NAME,
    PASSWORD,
    Authority,
    Mailroom,
    authenticate,
    make_authority,
    real_server,
    scripted_server,
)

from luota_svc.clock import StubClock
from luota_svc.model.deliveries import DeliveryReason, Dispatch, OutcomeKind
from luota_svc.model.mail import Mailbox, MailSecurity, MailServer
from luota_svc.providers import email as email_provider
from luota_svc.providers import email_connection
from luota_svc.providers.email import EmailProvider

pytestmark = [
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning:aiosmtpd.*"),
]

OLGA, TIMO, AINO = "olga@example.org", "timo@example.org", "aino@example.org"
FROM = Mailbox("alerts@example.org", "Luota, yö")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


def dispatch_of(alert=None, *, to=(OLGA,), recipients=(), number=1) -> Dispatch:
    return Dispatch(
        delivery_id=UUID(DELIVERY),
        number=number,
        reason=DeliveryReason.OPENED,
        content=frozen(alert or opened()),
        request_id="req-01JZ0000000000000000000001",
        traceparent=None,
        target={"to": list(to)},
        recipients=recipients,
    )


def provider_of(
    port: int,
    security: MailSecurity = MailSecurity.PLAIN,
    *,
    login: tuple[str, str] | None = None,
    host: str = "127.0.0.1",
    ca_file: Path | None = None,
    clock: StubClock | None = None,
    sender: Mailbox = FROM,
) -> EmailProvider:
    name, password = login or (None, None)
    return EmailProvider(
        server=MailServer(host, port, security, name, password),
        sender=sender,
        clock=clock or StubClock(),
        clean=lambda text: text.replace("wfmn1.secret", "[redacted]"),
        ca_file=ca_file,
    )


async def told(room: Mailroom, dispatch: Dispatch, **options):
    async with real_server(room, **options) as port:
        return await provider_of(port).send(dispatch)


# --- who has taken it ---------------------------------------------------------------------------------------------


async def test_all_have_taken_it_and_the_servers_queue_id_is_the_proof():
    room = Mailroom()
    outcome = await told(room, dispatch_of(to=(OLGA, TIMO)))
    assert outcome.kind is OutcomeKind.DELIVERED
    assert (outcome.provider_id, outcome.recipients, outcome.error) == ("4WxYz1", (), None)
    assert outcome.resolved_address == "127.0.0.1"
    assert outcome.reply == "2.0.0 Ok: queued as 4WxYz1"
    assert room.taken[0].rcpt_tos == [OLGA, TIMO]


LATER, NEVER = "450 4.2.0 Greylisted, come again", "550 5.1.1 No such user"


@pytest.mark.parametrize(
    ("answers", "kind", "waiting", "sent_to", "named"),
    [
        ({}, OutcomeKind.DELIVERED, (), [OLGA, TIMO, AINO], ()),
        ({TIMO: NEVER}, OutcomeKind.DELIVERED, (), [OLGA, AINO], (TIMO, "550 5.1.1 No such user")),
        ({TIMO: LATER}, OutcomeKind.FAILED, (TIMO,), [OLGA, AINO], (TIMO, "Greylisted")),
        ({TIMO: LATER, AINO: NEVER}, OutcomeKind.FAILED, (TIMO,), [OLGA], (TIMO, AINO)),
        ({OLGA: LATER, TIMO: LATER, AINO: LATER}, OutcomeKind.FAILED, (OLGA, TIMO, AINO), None, (OLGA, TIMO, AINO)),
        ({OLGA: NEVER, TIMO: LATER, AINO: NEVER}, OutcomeKind.FAILED, (TIMO,), None, (OLGA, TIMO, AINO)),
        ({OLGA: NEVER, TIMO: NEVER, AINO: NEVER}, OutcomeKind.REJECTED, (), None, (OLGA, TIMO, AINO)),
    ],
)
async def test_a_retry_reaches_only_those_who_have_not_taken_it_and_may_yet(answers, kind, waiting, sent_to, named):
    room = Mailroom(answers=answers)
    outcome = await told(room, dispatch_of(to=(OLGA, TIMO, AINO)))
    assert (outcome.kind, outcome.recipients) == (kind, waiting)
    assert [envelope.rcpt_tos for envelope in room.taken] == ([sent_to] if sent_to else [])
    assert all(word in (outcome.error or "") for word in named)
    if sent_to:
        assert [address.addr_spec for address in room.message()["To"].addresses] == sent_to


async def test_a_second_attempt_asks_for_those_that_are_left_alone():
    room = Mailroom()
    await told(room, dispatch_of(to=(OLGA, TIMO, AINO), recipients=(TIMO,), number=2))
    assert room.taken[0].rcpt_tos == [TIMO]


@pytest.mark.parametrize(
    ("answer", "kind", "waiting"),
    [
        ("451 4.3.0 Try again later", OutcomeKind.FAILED, (OLGA, TIMO)),
        ("552 5.3.4 Too big", OutcomeKind.REJECTED, ()),
        ("554 5.7.1 Spam", OutcomeKind.REJECTED, ()),
    ],
)
async def test_an_answer_to_the_message_itself_is_an_answer_for_all_who_were_to_have_it(answer, kind, waiting):
    outcome = await told(Mailroom(data_answer=answer), dispatch_of(to=(OLGA, TIMO)))
    assert (outcome.kind, outcome.recipients) == (kind, waiting)
    assert answer in outcome.error


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("451 4.7.1 Greylisted", OutcomeKind.FAILED),
        ("553 5.7.1 Sender address rejected", OutcomeKind.REFUSED),
        ("530 5.7.0 Authentication required", OutcomeKind.REFUSED),
    ],
)
async def test_a_refused_sender_is_the_installations_affair_and_stays_a_duty(answer, kind):
    outcome = await told(Mailroom(sender_answer=answer), dispatch_of(to=(OLGA, TIMO)))
    assert (outcome.kind, outcome.recipients) == (kind, (OLGA, TIMO))
    assert "LUOTA_SMTP_FROM is alerts@example.org" in outcome.error
    assert ("give a name and a password in LUOTA_SMTP_URL" in outcome.error) == answer.startswith("530")


@pytest.mark.parametrize(
    "address",
    [
        "olga",
        "olga@",
        "@example.org",
        "a b@example.org",
        "<olga@example.org>",
        "olga@example.org>\r\nDATA",
        "a@b@c.org",
    ],
)
async def test_what_is_no_address_is_refused_before_the_server_hears_of_it(address):
    room = Mailroom()
    outcome = await told(room, dispatch_of(to=(address, TIMO)))
    assert (outcome.kind, outcome.recipients) == (OutcomeKind.DELIVERED, ())
    assert "553 not an e-mail address" in outcome.error
    assert room.taken[0].rcpt_tos == [TIMO]


async def test_a_route_without_recipients_is_rejected_with_words():
    outcome = await told(Mailroom(), dispatch_of(to=()))
    assert outcome.kind is OutcomeKind.REJECTED
    assert "no recipient" in outcome.error


# --- addresses beyond ASCII ---------------------------------------------------------------------------------------


async def test_a_domain_beyond_ascii_travels_as_dns_has_it():
    room = Mailroom()
    outcome = await told(room, dispatch_of(to=("olga@yö.example",)), enable_SMTPUTF8=False)
    assert outcome.kind is OutcomeKind.DELIVERED
    assert room.taken[0].rcpt_tos == ["olga@xn--y-1ga.example"]


async def test_a_name_beyond_ascii_needs_smtputf8_and_only_that_recipient_is_refused_without():
    outcome = await told(Mailroom(), dispatch_of(to=("työ@example.org", TIMO)), enable_SMTPUTF8=False)
    assert (outcome.kind, outcome.recipients) == (OutcomeKind.DELIVERED, ())
    assert "työ@example.org: 553" in outcome.error
    assert "SMTPUTF8" in outcome.error


async def test_a_name_beyond_ascii_is_told_where_the_server_offers_smtputf8():
    room = Mailroom()
    outcome = await told(room, dispatch_of(to=("työ@example.org", TIMO)), enable_SMTPUTF8=True)
    assert (outcome.kind, outcome.error) == (OutcomeKind.DELIVERED, None)
    assert room.taken[0].rcpt_tos == ["työ@example.org", TIMO]
    assert "SMTPUTF8" in room.taken[0].mail_options
    assert "työ@example.org" in room.taken[0].original_content.decode()


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


# --- the message --------------------------------------------------------------------------------------------------


async def test_every_attempt_carries_the_same_ids_and_the_instant_of_its_own():
    room, clock = Mailroom(), StubClock()
    async with real_server(room) as port:
        provider = provider_of(port, clock=clock)
        await provider.send(dispatch_of())
        clock.advance(30)
        await provider.send(dispatch_of(number=2))
    first, second = room.message(0), room.message(1)
    assert first["Message-ID"] == second["Message-ID"] == f"<{DELIVERY}@example.org>"
    assert second["Date"].datetime - first["Date"].datetime == timedelta(seconds=30)
    same = [envelope.original_content.decode() for envelope in room.taken]
    assert same[0].replace(first["Date"], "") == same[1].replace(second["Date"], "")


async def test_opened_and_resolved_are_one_conversation_and_a_test_is_none():
    room = Mailroom()
    async with real_server(room) as port:
        for alert in (opened(), resolved(), test_alert()):
            await provider_of(port).send(dispatch_of(alert))
    roots = [(room.message(n)["References"], room.message(n)["In-Reply-To"]) for n in range(3)]
    assert roots == [(f"<{INCIDENT}@example.org>",) * 2, (f"<{INCIDENT}@example.org>",) * 2, (None, None)]


async def test_the_headers_say_what_support_asks_for_and_that_a_machine_wrote():
    room = Mailroom()
    await told(room, dispatch_of())
    message = room.message()
    assert message["X-Luota-Delivery-Id"] == DELIVERY
    assert message["X-Luota-Request-Id"] == "req-01JZ0000000000000000000001"
    assert message["Auto-Submitted"] == "auto-generated"
    assert (message["From"].addresses[0].display_name, message["From"].addresses[0].addr_spec) == (
        "Luota, yö",
        "alerts@example.org",
    )


async def test_a_long_domain_keeps_ids_whole():
    room, domain = Mailroom(), ".".join(["a" * 60, "b" * 60, "example.org"])
    async with real_server(room) as port:
        await provider_of(port, sender=Mailbox(f"alerts@{domain}")).send(dispatch_of())
    content = room.taken[0].original_content.decode()
    assert f"References: <{INCIDENT}@{domain}>\r\n" in content
    assert f"Message-ID: <{DELIVERY}@{domain}>\r\n" in content


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028"])
async def test_no_line_end_in_an_alert_begins_a_header(end):
    room, alert = Mailroom(), opened()
    alert["subject"] = f"yö{end}Bcc: everybody@example.org{end}{end}body"
    alert["incidentId"] = f"x{end}Bcc: everybody@example.org"
    await told(room, dispatch_of(alert))
    message = room.message()
    assert message["Bcc"] is None
    assert "Bcc: everybody@example.org" in message["Subject"]
    headers = room.taken[0].original_content.decode().partition("\r\n\r\n")[0]
    assert not any(line.startswith("Bcc") for line in headers.splitlines())


async def test_text_and_html_arrive_whole_whatever_stands_in_them():
    room, alert = Mailroom(), opened()
    alert["text"] = "Työ ei käynnistynyt.\n.\n..\nFrom olga\n" + "x" * 2_000 + "\n\x1b[31mred\x1b[0m\x00\n"
    await told(room, dispatch_of(alert))
    message = room.message()
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    text = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert text == "Työ ei käynnistynyt.\n.\n..\nFrom olga\n" + "x" * 2_000 + "\nred\n"
    assert "<h1" in message.get_body(("html",)).get_content()
    assert all(len(line) <= 998 for line in room.taken[0].original_content.splitlines())


async def test_a_fault_in_the_drawing_keeps_no_alert_back(monkeypatch, caplog):
    def broken(_alert):
        raise KeyError("metadata")

    monkeypatch.setattr("luota_svc.providers.email_message.render_html", broken)
    room = Mailroom()
    outcome = await told(room, dispatch_of())
    assert outcome.kind is OutcomeKind.DELIVERED
    assert room.message().get_content_type() == "text/plain"
    assert "email_html_not_drawn" in caplog.text
