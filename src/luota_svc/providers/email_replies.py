"""What mail servers say: the id under which one keeps a message, and a sentence of a refusal."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_ID_CHARACTERS_MAX: Final = 100
_WORDS_CHARACTERS_MAX: Final = 200
_ENHANCED: Final = re.compile(r"^[245]\.\d{1,3}\.\d{1,3}[ :]*")
# Most specific first: Exchange names its message in brackets and queues it `for delivery`, which is no id.
_ID_FORMS: Final = (
    # Exchange and Microsoft 365: <a@b> [InternalId=123, Hostname=X] ... Queued mail for delivery
    re.compile(r"\[InternalId=(?P<id>\d+)", re.IGNORECASE),
    # Postfix, SendGrid, Mailpit: Ok: queued as 4WxYz1
    re.compile(r"queued as (?P<id>[\w.:+/=-]+)", re.IGNORECASE),
    # Exim: OK id=1abcDE-000000-0A
    re.compile(r"\bid=(?P<id>[\w.@:+/=-]+)", re.IGNORECASE),
    # Gmail: OK  1732612345 d9443c01a7336-2126f9bd1sor - gsmtp
    re.compile(r"^ok\s+\d+\s+(?P<id>[\w.-]+)\s+-\s+gsmtp", re.IGNORECASE),
    # Haraka: Message Queued (0B0F...)
    re.compile(r"queued \((?P<id>[\w.-]+)\)", re.IGNORECASE),
    # qmail: ok 1732612345 qp 12345
    re.compile(r"^ok (?P<id>\d+ qp \d+)", re.IGNORECASE),
    # Sendmail, OpenSMTPD: 49KJx1 Message accepted for delivery
    re.compile(r"^(?P<id>[\w.-]{6,}) message accepted for delivery", re.IGNORECASE),
    # Amazon SES: Ok 0100018f3c2a...
    re.compile(r"^ok (?P<id>[0-9a-f-]{16,})$", re.IGNORECASE),
)


class Reply(NamedTuple):
    """A mail server's answer to one command."""

    code: int
    text: str

    @property
    def permanent(self) -> bool:
        """Whether it said no for good (5yz); an answer that is no SMTP may yet become one."""
        return 500 <= self.code <= 599

    def words(self) -> str:
        """Return code and text as one short line."""
        text = " ".join(self.text.split())
        return f"{self.code} {text[:_WORDS_CHARACTERS_MAX]}".strip()


def queue_id(text: str) -> str | None:
    """Return what a server that took a message calls it; where it names nothing, what it said; 100 characters."""
    tidy = _ENHANCED.sub("", " ".join(text.split()))
    for form in _ID_FORMS:
        found = form.search(tidy)
        if found:
            return found["id"][:_ID_CHARACTERS_MAX]
    return tidy[:_ID_CHARACTERS_MAX] or None
