"""Builds the message that a mail server is given: headers, text, HTML."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final, cast

import idna

from luota_svc.model.deliveries import Dispatch
from luota_svc.model.mail import Mailbox
from luota_svc.providers.email_body import plain, render_html
from luota_svc.telemetry import names

_LOG: Final = logging.getLogger(__name__)
_SUBJECT_CHARACTERS_MAX: Final = 300
# Without `=?`: what a mail library takes for an encoded word may stand for a line end, and so for another header.
_LOCAL_PART: Final = re.compile(r'(?!.*=\?)[^\x00-\x20\x7f-\xa0()<>@,;:\\"\[\]]{1,64}')


def _policy() -> Any:
    headers = HeaderRegistry()
    # As plain text a long id would be folded into encoded words, and no reader would find the conversation.
    ids = cast("type[BaseHeader]", MessageIDHeader)
    headers.map_to_type("in-reply-to", ids)
    headers.map_to_type("references", ids)
    # 7bit: the body is the same whatever a server on the way can carry.
    return SMTP.clone(header_factory=headers, cte_type="7bit")


_POLICY: Final = _policy()


def mailbox_of(address: str) -> Mailbox | None:
    """Return an operator's address with its domain as DNS has it; None where it is no address."""
    local_part, _, domain = address.rpartition("@")
    if not _LOCAL_PART.fullmatch(local_part):
        return None
    try:
        return Mailbox(f"{local_part}@{idna.encode(domain, uts46=True).decode()}")
    except idna.IDNAError:
        return None


def message_id(dispatch: Dispatch, sender: Mailbox) -> str:
    """Return the id of a delivery's message: the same on every attempt, so that a reader shows it once."""
    return f"<{dispatch.delivery_id}@{sender.domain}>"


def build_message(dispatch: Dispatch, *, sender: Mailbox, to: Sequence[Mailbox], now: datetime, utf8: bool) -> bytes:
    """Return the whole message as it is sent; `utf8` where headers may hold bytes beyond ASCII (SMTPUTF8).

    But for `Date` it is the same bytes for the same dispatch and recipients. Raises ValueError where the content is no
    alert.
    """
    alert = json.loads(dispatch.content)
    message = EmailMessage(policy=_POLICY.clone(utf8=utf8))
    _write_headers(message, dispatch, alert, sender)
    message["Date"] = format_datetime(now)
    message["From"] = _header_address(sender)
    message["To"] = [_header_address(mailbox) for mailbox in to]
    message.set_content(plain(alert["text"]))
    html = _html_of(dispatch, alert)
    if html is not None:
        message.add_alternative(html, subtype="html")
        # The library draws dice for it; this one no alert's text holds on a line of its own.
        message.set_boundary(f"=_luota_{dispatch.delivery_id.hex}")
    return message.as_bytes()


def _write_headers(message: EmailMessage, dispatch: Dispatch, alert: dict[str, Any], sender: Mailbox) -> None:
    message["Message-ID"] = message_id(dispatch, sender)
    if alert["incidentId"]:
        # Opened, reminders and resolved answer one message that nobody sent, so that they are one conversation.
        root = f"<{_one_line(alert['incidentId'])}@{sender.domain}>"
        message["In-Reply-To"] = root
        message["References"] = root
    message["Subject"] = _one_line(alert["subject"])[:_SUBJECT_CHARACTERS_MAX]
    message["X-Luota-Delivery-Id"] = str(dispatch.delivery_id)
    if dispatch.request_id:
        message["X-Luota-Request-Id"] = _one_line(dispatch.request_id)
    # So that no absence note answers an alert (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"


def _html_of(dispatch: Dispatch, alert: dict[str, Any]) -> str | None:
    try:
        return render_html(alert)
    except Exception:  # noqa: BLE001 - the text says all that matters; a fault in the drawing must not keep it back
        _LOG.exception(names.LOG_EMAIL_HTML_NOT_DRAWN, extra={"delivery_id": str(dispatch.delivery_id)})
        return None


def _header_address(mailbox: Mailbox) -> Address:
    local_part, _, domain = mailbox.address.rpartition("@")
    return Address(_one_line(mailbox.name), local_part, domain)


def _one_line(text: str) -> str:
    """Return text that is one line of a header, whatever it says: a line end would begin another header.

    The library would take `=?utf-8?q?=0D=0ABcc:...?=` apart, and write the line end that it stands for.
    """
    return " ".join(plain(text).split()).replace("=?", "=\N{WORD JOINER}?")
