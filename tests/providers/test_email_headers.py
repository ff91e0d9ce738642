"""Nothing that people or jobs name becomes a header of its own, or ends the headers."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers.email_alerts import opened
from tests.providers.vendor_receivers import dispatch_of

from luota_svc.model.mail import Mailbox
from luota_svc.model.routes import RouteKind
from luota_svc.providers.email_message import build_message, mailbox_of
from luota_svc.rules.route_targets import TargetPolicy, target_problems

NAMES = [
    *("Message-ID", "In-Reply-To", "References", "Subject", "X-Luota-Delivery-Id", "X-Luota-Request-Id"),
    *("Auto-Submitted", "Date", "From", "To", "MIME-Version", "Content-Type"),
]
WORDS = ["=?utf-8?q?=0D=0ABcc=3A_evil=40example.net?=", "=?utf-8?b?DQpCY2M6IGV2aWxAZXhhbXBsZS5uZXQNCg0KaGk=?=", "=?x?="]
PIECES = st.sampled_from(
    ["=?", "?=", "utf-8?q?", "=0D=0A", "=0A", "=00", "\r\n", "Bcc: x", " ", "=", "?", "ä", "\u2028"]
)


def head(subject: str, *, utf8: bool = False) -> bytes:
    alert = opened()
    alert["subject"] = subject
    to = [mailbox_of("oncall@example.org")]
    assert to[0] is not None
    sender = Mailbox("alerts@example.org", "=?utf-8?q?=0D=0ABcc=3Ax?=")
    message = build_message(dispatch_of(alert, {}), sender=sender, to=to, now=datetime.now(UTC), utf8=utf8)
    return message.partition(b"\r\n\r\n")[0]


def names_of(head: bytes) -> list[str]:
    return [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]


@pytest.mark.parametrize("utf8", [False, True])
@pytest.mark.parametrize("word", WORDS)
def test_an_encoded_word_in_a_name_is_no_more_than_that(word, utf8):
    written = head(f"[error] {word}: failed", utf8=utf8)
    assert names_of(written) == NAMES
    read = message_from_bytes(written, policy=SMTP)
    assert read["Subject"].strip().replace("\N{WORD JOINER}", "") == f"[error] {word}: failed"


@given(st.lists(PIECES, max_size=12).map("".join), st.booleans())
def test_whatever_a_subject_says_the_headers_stay_what_they_are(subject, utf8):
    assert names_of(head(subject, utf8=utf8)) == NAMES


@pytest.mark.parametrize("word", [*WORDS, "ü=?utf-8?q?=0D=0A?=", "a=?"])
def test_an_address_that_mail_would_read_as_an_encoded_word_is_none(word):
    address = f"{word[:60]}@example.org"
    assert mailbox_of(address) is None
    (problem,) = target_problems(RouteKind.EMAIL, {"to": [address]}, TargetPolicy())
    assert problem.field == "email.to[0]"
    assert mailbox_of("a=b?c@example.org") == Mailbox("a=b?c@example.org")
