"""How LUOTA_SMTP_URL and LUOTA_SMTP_FROM are read. Readers raise ValueError with a reason that shows no password."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import idna

from luota_svc.model.mail import Mailbox, MailSecurity, MailServer
from luota_svc.settings.values import Secret, read_url

_PORT_OF: Final = {MailSecurity.TLS: 465, MailSecurity.STARTTLS: 587, MailSecurity.PLAIN: 25}
_SECURITY_OF: Final = {"": MailSecurity.STARTTLS, "yes": MailSecurity.STARTTLS, "no": MailSecurity.PLAIN}
_MAILBOX: Final = re.compile(
    r"""(?:"(?P<quoted>[^"\\]*)"\s*|(?P<plain>[^"<>@,;]*))<(?P<inner>[^<>\s]+)>|(?P<bare>[^<>\s]+)"""
)
_LOCAL_PART: Final = re.compile(r"[0-9A-Za-z!#$%&'*+/=?^_`{|}~.-]{1,64}")


def read_mail_url(text: str) -> Secret:
    """Read the URL of a mail server and prove that `mail_server_of` can use it."""
    secret = read_url("smtp", "smtps")(text)
    mail_server_of(secret)
    return secret


def mail_server_of(url: Secret) -> MailServer:
    """Take a mail server's URL apart: `smtp://name:password@host:587`, `smtp://host:25?starttls=no`, `smtps://host`."""
    parts = urlsplit(url.reveal())
    if not parts.hostname:
        raise ValueError("must name a host; is a password not escaped?")
    if parts.path not in {"", "/"} or parts.fragment:
        raise ValueError("must end after the host, the port and ?starttls=no; is a password not escaped?")
    security = _security_of(parts)
    if parts.username and security is MailSecurity.PLAIN:
        raise ValueError("holds a name and ?starttls=no: a password is not sent where everybody can read it")
    if bool(parts.username) != bool(parts.password):
        raise ValueError("must hold a name and a password, or neither")
    return MailServer(
        host=parts.hostname,
        port=parts.port or _PORT_OF[security],
        security=security,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def read_mailbox(text: str) -> Mailbox:
    """Read `alerts@example.org` or `Luota <alerts@example.org>`."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError("must be one line")
    found = _MAILBOX.fullmatch(text)
    local_part, _, domain = (found["inner"] or found["bare"] if found else "").partition("@")
    if found is None or not domain or "@" in domain:
        raise ValueError("must be one address, such as alerts@example.org or Luota <alerts@example.org>")
    if not _LOCAL_PART.fullmatch(local_part):
        raise ValueError("must have letters, digits and signs of ASCII before the @")
    try:
        return Mailbox(
            f"{local_part}@{idna.encode(domain, uts46=True).decode()}",
            (found["quoted"] or found["plain"] or "").strip(),
        )
    except idna.IDNAError:
        raise ValueError(f"{domain!r} is no domain") from None


def _security_of(parts: SplitResult) -> MailSecurity:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme == "smtps":
        if options:
            raise ValueError("takes no options where it begins with smtps://, which is TLS from the first byte")
        return MailSecurity.TLS
    asked = options.pop("starttls", "")
    if options or asked not in _SECURITY_OF:
        raise ValueError("knows one option, ?starttls=no")
    return _SECURITY_OF[asked]
