"""Why no whole answer came, in a sentence that says what to do. No sentence holds more of a URL than its host."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from dataclasses import dataclass, field
from typing import Final

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientHttpProxyError,
    ClientPayloadError,
    ClientResponseError,
    ConnectionTimeoutError,
    InvalidURL,
)
from yarl import URL

from luota_svc.model.deliveries import Outcome, OutcomeKind

CONNECT_SECONDS: Final = 3.0
WHOLE_SECONDS: Final = 15.0
# X509_V_ERR_*: expired, not yet valid; the name or address is another; an authority that nobody here knows.
_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME: Final = {62, 64}
_UNKNOWN_AUTHORITY: Final = {2, 18, 19, 20, 21}


@dataclass(slots=True)
class Dialling:
    """How far one exchange came."""

    host: str
    port: int
    tls: bool
    proxy: URL | None = None
    dialled: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    # As soon as the answer began.
    status: int | None = None

    @property
    def where(self) -> str:
        """Name the receiver: its host and port, nothing else of its URL."""
        return f"{self.host}:{self.port}"

    @property
    def address(self) -> str | None:
        """The address that was dialled last; None where none was."""
        if not self.dialled:
            return None
        return f"{self.dialled[-1]} (proxy)" if self.proxy else self.dialled[-1]


def broken_off(error: Exception, dialling: Dialling) -> Outcome:
    """Return what an exchange came to that ended with this error."""
    where = dialling.where
    if isinstance(error, ConnectionTimeoutError):
        return _not_connected(dialling)
    if isinstance(error, TimeoutError):
        return not_in_time(dialling)
    if isinstance(error, ClientHttpProxyError):
        return _refused_by_proxy(error, where)
    if isinstance(error, (ClientConnectorCertificateError, ClientConnectorSSLError)):
        return _no_tls(error, where)
    if isinstance(error, ClientConnectorError):
        return _no_connection(error, dialling)
    if isinstance(error, InvalidURL):
        return Outcome(OutcomeKind.BLOCKED, f"the route's URL can't be used: {dialling.host} is no host")
    if isinstance(error, ClientPayloadError):
        words = (
            f"{where} answered {dialling.status}, but not to the end: it must send the whole answer that it announces"
        )
        return Outcome(OutcomeKind.UNREACHABLE, words)
    if isinstance(error, ClientResponseError):
        return Outcome(OutcomeKind.FAILED, f"what {where} answers is no HTTP: is it the right port?")
    words = (
        f"{where} broke the connection before it answered: its log, or that of what stands in front of it, may say why"
    )
    return Outcome(OutcomeKind.UNREACHABLE, words)


def not_in_time(dialling: Dialling) -> Outcome:
    """Return what an exchange came to that took 15 s."""
    if dialling.status is None:
        words = f"{dialling.where} did not answer within 15 s: it should answer first and work later"
    else:
        words = (
            f"{dialling.where} answered {dialling.status}, but had not finished within 15 s: it should answer shortly"
        )
    return Outcome(OutcomeKind.TIMED_OUT, words)


def _not_connected(dialling: Dialling) -> Outcome:
    if not dialling.dialled:
        if dialling.refusals:
            return _blocked(dialling)
        words = f"DNS did not say within 3 s where {_peer(dialling)} is: check the resolver that Luota uses"
        return Outcome(OutcomeKind.UNREACHABLE, words)
    advice = "is a firewall between, or does it not speak TLS?" if dialling.tls else "is a firewall between?"
    words = f"no connection to {_peer(dialling)} within 3 s: {advice}"
    return Outcome(OutcomeKind.UNREACHABLE, words)


def _no_connection(error: ClientConnectorError, dialling: Dialling) -> Outcome:
    cause = error.os_error
    if isinstance(error, ClientConnectorDNSError) or isinstance(cause, socket.gaierror):
        if cause.errno == socket.EAI_AGAIN:
            words = f"DNS can't say for now where {_peer(dialling)} is: check the resolver that Luota uses"
        else:
            words = f"DNS knows no {_peer(dialling)}: check the name"
        return Outcome(OutcomeKind.UNREACHABLE, words)
    if dialling.refusals and not dialling.dialled:
        return _blocked(dialling)
    return Outcome(OutcomeKind.UNREACHABLE, f"no connection to {_peer(dialling)}: {_reason_of(cause, dialling)}")


def _reason_of(cause: OSError, dialling: Dialling) -> str:
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens there, or a firewall refuses"
    if isinstance(cause, ConnectionError):
        return "it broke off" + (" while TLS was to be agreed: it must offer TLS 1.2 or newer" if dialling.tls else "")
    if cause.errno == errno.EHOSTUNREACH:
        return "there is no way to its host"
    if cause.errno == errno.ENETUNREACH:
        return "there is no way to its network"
    # Several addresses may each have had a reason of their own, which the library joins to one text without a number.
    return os.strerror(cause.errno) if cause.errno else "none of its addresses took it"


def _peer(dialling: Dialling) -> str:
    """Name whom we dial ourselves."""
    if dialling.proxy is None:
        return dialling.where
    return f"the proxy {dialling.proxy.host}:{dialling.proxy.port} (LUOTA_DELIVERY_PROXY_URL)"


def _blocked(dialling: Dialling) -> Outcome:
    reason = dialling.refusals[0]
    return Outcome(OutcomeKind.BLOCKED, reason if reason.startswith(dialling.host) else f"{dialling.host}: {reason}")


def _refused_by_proxy(error: ClientHttpProxyError, where: str) -> Outcome:
    if error.status == 407:
        words = f"the proxy lets nobody to {where} with what LUOTA_DELIVERY_PROXY_URL says, or forbids it (407)"
    elif error.status in {401, 403}:
        words = f"the proxy of LUOTA_DELIVERY_PROXY_URL forbids {where} ({error.status})"
    else:
        words = f"the proxy of LUOTA_DELIVERY_PROXY_URL does not reach {where} ({error.status})"
    return Outcome(OutcomeKind.UNREACHABLE, words)


def _no_tls(error: ClientConnectorCertificateError | ClientConnectorSSLError, where: str) -> Outcome:
    cause = error.certificate_error if isinstance(error, ClientConnectorCertificateError) else error.os_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        code = cause.verify_code
        if code == _EXPIRED:
            reason = "has expired: renew it"
        elif code == _NOT_YET:
            reason = "is not valid yet: compare the clocks"
        elif code in _OTHER_NAME:
            reason = "is made for another name: use a name that it holds"
        elif code in _UNKNOWN_AUTHORITY:
            reason = (
                "is signed by nobody whom Luota trusts: send the whole chain, or give your own CA in "
                "LUOTA_DELIVERY_CA_FILE"
            )
        else:
            reason = f"is not trusted ({cause.verify_message})"
        return Outcome(OutcomeKind.UNREACHABLE, f"the certificate of {where} {reason}")
    reason = getattr(cause, "reason", None) or type(cause).__name__
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}:
        return Outcome(OutcomeKind.UNREACHABLE, f"{where} does not speak TLS: is it the right port?")
    return Outcome(OutcomeKind.UNREACHABLE, f"no TLS with {where} ({reason}): it must offer TLS 1.2 or newer")
