"""E-mail against real servers: who has taken it, who may yet, and which addresses there are at all."""

from __future__ import annotations

import pytest
from tests.providers.email_desk import AINO, OLGA, TIMO, dispatch_of, told
from tests.providers.mail_servers import Mailroom

from luota_svc.model.deliveries import OutcomeKind

pytestmark = [
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning:aiosmtpd.*"),
]

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


async def test_that_it_was_taken_for_nobody_is_not_said_where_others_were_told_before():
    rest = await told(Mailroom(answers={TIMO: LATER}), dispatch_of(to=(OLGA, TIMO), recipients=(TIMO,), number=2))
    assert rest.error.startswith(f"the mail server took it for none of those still to be told: {TIMO}: 450")
    for again in ((), (OLGA, TIMO)):
        answers = {OLGA: LATER, TIMO: LATER}
        everybody = await told(Mailroom(answers=answers), dispatch_of(to=(OLGA, TIMO), recipients=again, number=2))
        assert everybody.error.startswith("the mail server took it for nobody: ")


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
