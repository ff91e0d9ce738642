"""What may be said of the mail server, and that its password is shown by nothing."""

from __future__ import annotations

import pytest

from luota_svc.model.mail import Mailbox, MailSecurity, MailServer
from luota_svc.settings import SettingsError, effective, load
from luota_svc.settings.mail import mail_server_of, read_mail_url, read_mailbox

FROM = {"LUOTA_SMTP_FROM": "Luota <alerts@example.org>"}


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.org", MailServer("mail.example.org", 587)),
        ("smtp://mail.example.org:25/?starttls=yes", MailServer("mail.example.org", 25)),
        ("smtp://localhost?starttls=no", MailServer("localhost", 25, MailSecurity.PLAIN)),
        ("smtp://[::1]:1025?starttls=no", MailServer("::1", 1025, MailSecurity.PLAIN)),
        (
            "smtp://bot%40example.org:hush%2F%3A@mail.example.org:2525",
            MailServer("mail.example.org", 2525, username="bot@example.org", password="hush/:"),
        ),
        ("smtps://bot:hush@mail.example.org", MailServer("mail.example.org", 465, MailSecurity.TLS, "bot", "hush")),
    ],
)
def test_a_url_says_where_and_how_e_mail_is_handed_in(url, server):
    assert mail_server_of(read_mail_url(url)) == server


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mail.example.org", "must be a URL that begins with smtp:// or smtps://"),
        ("smtp://bot:hush@", "must name a host"),
        ("smtp://bot:hu/sh@mail.example.org", "is a password not escaped?"),
        ("smtp://mail.example.org/inbox", "must end after the host"),
        ("smtp://bot:hush@mail.example.org?starttls=no", "a password is not sent where everybody can read it"),
        ("smtp://bot@mail.example.org", "must hold a name and a password"),
        ("smtp://mail.example.org?tls=no", "knows one option"),
        ("smtps://mail.example.org?starttls=no", "takes no options"),
        ("smtp://mail.example.org:99999", "has no valid port"),
        ("smtp://mail. example.org", "white space"),
    ],
)
def test_a_url_that_cannot_work_is_refused_without_showing_its_password(url, reason):
    with pytest.raises(SettingsError, match="LUOTA_SMTP_URL: ") as caught:
        load({"LUOTA_SMTP_URL": url, **FROM})
    assert reason in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "hu/sh" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("alerts@example.org", Mailbox("alerts@example.org")),
        ("Luota, nights <alerts@example.org>", None),
        ('"Luota, nights" <alerts@example.org>', Mailbox("alerts@example.org", "Luota, nights")),
        ("Työt <alerts@yö.example>", Mailbox("alerts@xn--y-1ga.example", "Työt")),
        ("alerts@localhost", Mailbox("alerts@localhost")),
        ("työt@example.org", None),
        ("alerts@", None),
        ("alerts", None),
        ("a@b@example.org", None),
        ("alerts@exa mple.org", None),
        ("alerts@example.org\nBcc: all@example.org", None),
    ],
)
def test_the_sender_is_one_address_with_a_name_at_most(text, mailbox):
    if mailbox is None:
        with pytest.raises(ValueError, match=r"must|domain"):
            read_mailbox(text)
    else:
        assert read_mailbox(text) == mailbox


def test_a_server_without_a_sender_is_named_as_a_problem():
    with pytest.raises(SettingsError, match="LUOTA_SMTP_FROM: must be set where LUOTA_SMTP_URL is"):
        load({"LUOTA_SMTP_URL": "smtp://mail.example.org"})


def test_without_a_url_there_is_no_server_and_a_sender_alone_is_no_problem():
    assert load({}).smtp.server() is None
    assert load(FROM).smtp.server() is None


def test_the_password_is_scrubbed_and_shown_as_stars():
    settings = load({"LUOTA_SMTP_URL": "smtp://bot:hush%21@mail.example.org", **FROM})
    assert {"hush%21", "hush!"} <= set(settings.secrets())
    shown = {line.name: line.value for line in effective(settings)}
    assert shown["LUOTA_SMTP_URL"] == "smtp://bot:***@mail.example.org"
    assert shown["LUOTA_SMTP_FROM"] == "Luota <alerts@example.org>"
    assert "hush" not in repr(settings.smtp.server())
