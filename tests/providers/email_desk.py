"""E-mails as a worker hands them in, and the provider that takes them."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from tests.providers.email_alerts import DELIVERY, frozen, opened
from tests.providers.mail_servers import Mailroom, real_server

from luota_svc.clock import StubClock
from luota_svc.model.deliveries import DeliveryReason, Dispatch
from luota_svc.model.mail import Mailbox, MailSecurity, MailServer
from luota_svc.providers.email import EmailProvider

OLGA, TIMO, AINO = "olga@example.org", "timo@example.org", "aino@example.org"
FROM = Mailbox("alerts@example.org", "Luota, yö")


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
