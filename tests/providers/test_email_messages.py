"""The message that a mail server is handed: its ids, its headers, and text that arrives whole."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.providers.email_alerts import DELIVERY, INCIDENT, opened, resolved, test_alert
from tests.providers.email_desk import dispatch_of, provider_of, told
from tests.providers.mail_servers import Mailroom, real_server

from luota_svc.clock import StubClock
from luota_svc.model.deliveries import OutcomeKind
from luota_svc.model.mail import Mailbox

pytestmark = [
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning:aiosmtpd.*"),
]


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
