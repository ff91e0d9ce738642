"""The mail server that takes our e-mail, and whom it is from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class MailSecurity(StrEnum):
    """How the way to the mail server is kept secret."""

    # TLS from the first byte.
    TLS = "tls"
    # A plain beginning that must turn into TLS before anything is said.
    STARTTLS = "starttls"
    # None: for a relay on the same machine or in the same pod.
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where e-mail is handed in. Without a name nobody is logged in."""

    host: str
    port: int
    security: MailSecurity = MailSecurity.STARTTLS
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address, its part before the @ in ASCII, its domain as DNS has it; and the name shown beside it."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        """What stands after the @."""
        return self.address.rpartition("@")[2]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address
