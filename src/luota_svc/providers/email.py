"""E-mail: one message an attempt to all who are still to be told, and what became of it for each of them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from luota_svc.clock import Clock
from luota_svc.model.deliveries import Dispatch, Outcome, OutcomeKind
from luota_svc.model.mail import Mailbox, MailServer
from luota_svc.providers.email_body import plain
from luota_svc.providers.email_connection import MailFailed, dial, hang_up, open_session
from luota_svc.providers.email_message import build_message, mailbox_of
from luota_svc.providers.email_replies import Reply, queue_id
from luota_svc.telemetry import names

_LOG: Final = logging.getLogger(__name__)
# With the farewell, 15 s in all.
_WHOLE_SECONDS: Final = 14.5
_FAREWELL_SECONDS: Final = 0.5
_REPLY_CHARACTERS_MAX: Final = 4_096
_ERROR_CHARACTERS_MAX: Final = 1_000
_NOT_SET_UP: Final = "e-mail is not set up: set LUOTA_SMTP_URL and LUOTA_SMTP_FROM"
_NO_ADDRESS: Final = Reply(553, "not an e-mail address")
_NEEDS_SMTPUTF8: Final = Reply(553, "the mail server takes ASCII only before the @ (it offers no SMTPUTF8)")


@dataclass(slots=True)
class _Envelope:
    """What the server has said of each recipient so far, under the names that the operator wrote."""

    pending: tuple[str, ...]
    # Others were told by an earlier attempt, or refused it for good.
    rest_only: bool = False
    accepted: list[Mailbox] = field(default_factory=list)
    refused: dict[str, Reply] = field(default_factory=dict)
    # What the server said when it took the message.
    taken: str | None = None

    @property
    def may_yet(self) -> tuple[str, ...]:
        """Who has not taken it and may yet."""
        if self.taken is None:
            return tuple(name for name in self.pending if name not in self.refused or not self.refused[name].permanent)
        return tuple(name for name, reply in self.refused.items() if not reply.permanent)

    def refusals(self) -> str:
        """Name everybody who was refused, with the server's words."""
        return "; ".join(f"{name}: {reply.words()}" for name, reply in self.refused.items())


class EmailProvider:
    """Hands alerts to a mail server: a connection for each message, as messages are few and minutes apart."""

    def __init__(
        self,
        *,
        server: MailServer | None,
        sender: Mailbox | None,
        clock: Clock,
        clean: Callable[[str], str],
        ca_file: Path | None = None,
    ) -> None:
        """Take where mail is handed in and whom it is from; without both every attempt is refused with that reason.

        `clean` takes secrets out of what servers say. `ca_file` is trusted beside the system's authorities; raises
        OSError or ssl.SSLError where it holds none.
        """
        self._server = server
        self._sender = sender
        self._clock = clock
        self._clean = clean
        self._hidden = _forms_of_password(server)
        self._context = ssl.create_default_context()
        if ca_file is not None:
            self._context.load_verify_locations(cafile=ca_file)

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Make one attempt and say what became of it, and for whom; at most 15 s."""
        if self._server is None or self._sender is None:
            return Outcome(OutcomeKind.REFUSED, _NOT_SET_UP)
        pending = _pending(dispatch)
        if not pending:
            return Outcome(OutcomeKind.REJECTED, "the route has no recipient: give it an address", recipients=())
        envelope = _Envelope(pending, rest_only=bool(set(map(str, dispatch.target.get("to") or ())) - set(pending)))
        try:
            outcome = await self._attempt(dispatch, envelope, self._server, self._sender)
        except Exception:  # noqa: BLE001 - a provider's promise: whatever is wrong is an outcome, and is tried again
            _LOG.exception(names.LOG_EMAIL_ATTEMPT_BROKE, extra={"delivery_id": str(dispatch.delivery_id)})
            outcome = Outcome(OutcomeKind.FAILED, "a fault in Luota kept this e-mail back; its log says which")
        if outcome.recipients is None:
            outcome = replace(outcome, recipients=envelope.may_yet)
        return replace(
            outcome,
            error=self._tidy(outcome.error, _ERROR_CHARACTERS_MAX),
            reply=self._tidy(outcome.reply, _REPLY_CHARACTERS_MAX),
        )

    async def _attempt(self, dispatch: Dispatch, envelope: _Envelope, server: MailServer, sender: Mailbox) -> Outcome:
        address = None
        session: SMTP | None = None
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                sock, address = await dial(server)
                session = await open_session(sock, server, self._context, seconds=_WHOLE_SECONDS)
                outcome = await self._hand_in(session, dispatch, envelope, sender)
            # What became of the message is known: how the farewell goes changes nothing.
            with contextlib.suppress(SMTPException, OSError):
                await session.quit(timeout=_FAREWELL_SECONDS)
        except MailFailed as failure:
            outcome = failure.outcome
        except TimeoutError:
            words = f"the mail server {server.host}:{server.port} did not answer within 15 s"
            outcome = Outcome(OutcomeKind.TIMED_OUT, words)
        except (SMTPException, OSError) as error:
            outcome = _broken_off(error)
        finally:
            if session is not None:
                hang_up(session)
        return replace(outcome, resolved_address=address)

    async def _hand_in(self, session: SMTP, dispatch: Dispatch, envelope: _Envelope, sender: Mailbox) -> Outcome:
        """Give the envelope, then the message to whoever may have it."""
        mailboxes = self._usable(session, envelope)
        utf8 = any(not mailbox.address.isascii() for mailbox in mailboxes.values())
        encoding = "utf-8" if utf8 else "ascii"
        try:
            await session.mail(sender.address, options=["SMTPUTF8"] if utf8 else [], encoding=encoding)
        except SMTPSenderRefused as error:
            return _sender_refused(Reply(error.code, error.message), sender)
        for name, mailbox in mailboxes.items():
            try:
                await session.rcpt(mailbox.address, encoding=encoding)
            except SMTPRecipientRefused as error:
                envelope.refused[name] = Reply(error.code, error.message)
                if not session.is_connected:
                    # 421: the server hangs up; the others were not asked.
                    return _verdict(envelope)
            else:
                envelope.accepted.append(mailbox)
        if not envelope.accepted:
            return _verdict(envelope)
        message = build_message(dispatch, sender=sender, to=envelope.accepted, now=self._clock.now(), utf8=utf8)
        try:
            envelope.taken = (await session.data(message)).message
        except SMTPDataError as error:
            reply = Reply(error.code, error.message)
            envelope.refused |= {name: reply for name in mailboxes if name not in envelope.refused}
        return _verdict(envelope)

    @staticmethod
    def _usable(session: SMTP, envelope: _Envelope) -> dict[str, Mailbox]:
        """Return whom this server can be asked for; the others are refused here and now."""
        usable = {}
        for name in envelope.pending:
            mailbox = mailbox_of(name)
            if mailbox is None:
                envelope.refused[name] = _NO_ADDRESS
            elif not mailbox.address.isascii() and not session.supports_extension("smtputf8"):
                envelope.refused[name] = _NEEDS_SMTPUTF8
            else:
                usable[name] = mailbox
        return usable

    def _tidy(self, text: str | None, most: int) -> str | None:
        if text is None:
            return None
        for secret in self._hidden:
            text = text.replace(secret, "***")
        return self._clean(plain(text))[:most]


def _verdict(envelope: _Envelope) -> Outcome:
    """Judge what the server said of everybody."""
    waiting = envelope.may_yet
    refusals = envelope.refusals() or None
    codes = "\n".join(f"{name}: {reply.code} {reply.text}" for name, reply in envelope.refused.items())
    if envelope.taken is None:
        kind = OutcomeKind.FAILED if waiting else OutcomeKind.REJECTED
        nobody = "none of those still to be told" if envelope.rest_only else "nobody"
        return Outcome(kind, f"the mail server took it for {nobody}: {refusals}", reply=codes, recipients=waiting)
    provider_id = queue_id(envelope.taken)
    if not refusals:
        return Outcome(OutcomeKind.DELIVERED, provider_id=provider_id, reply=envelope.taken, recipients=())
    reply = f"{envelope.taken}\n{codes}"
    if waiting:
        words = f"taken for some; the others are tried again unless refused for good: {refusals}"
        return Outcome(OutcomeKind.FAILED, words, provider_id=provider_id, reply=reply, recipients=waiting)
    words = f"taken, but refused for good for {refusals}"
    return Outcome(OutcomeKind.DELIVERED, words, provider_id=provider_id, reply=reply, recipients=())


def _sender_refused(reply: Reply, sender: Mailbox) -> Outcome:
    # It is the installation's own address, which somebody may mend: not a word about the recipients.
    kind = OutcomeKind.REFUSED if reply.permanent else OutcomeKind.FAILED
    what = "wants a login first: give a name and a password in LUOTA_SMTP_URL" if reply.code == 530 else "refused it"
    words = f"LUOTA_SMTP_FROM is {sender.address}, and the mail server {what} ({reply.words()})"
    return Outcome(kind, words, reply=f"{reply.code} {reply.text}")


def _broken_off(error: SMTPException | OSError) -> Outcome:
    if isinstance(error, SMTPResponseException):
        return Outcome(
            OutcomeKind.FAILED, f"the mail server's answer is no SMTP ({Reply(error.code, error.message).words()})"
        )
    return Outcome(
        OutcomeKind.UNREACHABLE, "the connection to the mail server broke before it said that it took the message"
    )


def _pending(dispatch: Dispatch) -> tuple[str, ...]:
    """Return each who is still to be told, once."""
    target: Mapping[str, Any] = dispatch.target
    return tuple(dict.fromkeys(dispatch.recipients or map(str, target.get("to") or ())))


def _forms_of_password(server: MailServer | None) -> tuple[str, ...]:
    """Return the password and the forms in which it travels: a server may say any of them back."""
    if server is None or server.username is None or not server.password:
        return ()
    name, password = server.username.encode(), server.password.encode()
    sent = (b"\0" + name + b"\0" + password, password)
    return (*(base64.b64encode(form).decode() for form in sent), server.password)
