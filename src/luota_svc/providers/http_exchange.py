"""What one HTTP exchange came to: the reply, or the outcome of there being none; and what a status means by default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from luota_svc.model.deliveries import Outcome, OutcomeKind

REPLY_KEPT_BYTES: Final = 4_096
_QUOTED_CHARACTERS_MAX: Final = 200
_ID_CHARACTERS_MAX: Final = 200
# What the column of the attempt can hold.
_SECONDS_MAX: Final = 2**31 - 1
# By which name support at the other end finds the request; those that name exactly one come first.
_ID_HEADERS: Final = (
    *("x-request-id", "request-id", "x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id", "x-ms-request-id"),
    *("x-github-request-id", "x-goog-request-id", "x-slack-req-id", "x-correlation-id", "x-amzn-trace-id"),
    *("apigw-requestid", "x-vercel-id", "fly-request-id", "x-trace-id", "cf-ray"),
)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")
_OVERLOADED: Final = {502, 503, 504}
_ADVICE: Final = {
    400: "it does not understand the message",
    401: "it wants other credentials: check the route's URL and secret",
    403: "it forbids this: check the route's URL and secret",
    404: "nothing takes messages there: check the path of the route's URL",
    405: "it takes no POST there: check the path of the route's URL",
    407: "a proxy before it wants a login: check LUOTA_DELIVERY_PROXY_URL",
    413: "the message is too large for it: it must take 256 KiB",
    415: "it takes no application/json",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, or its first 16 KiB. Header names are in lower case; of a repeated one the first counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    # Where it came from: the address that was dialled, or the proxy's.
    address: str
    truncated: bool = False


class ExchangeFailed(Exception):
    """There is no whole answer; `outcome` says why, and no secret."""

    def __init__(self, outcome: Outcome) -> None:
        """Take what the attempt came to."""
        super().__init__(outcome.error)
        self.outcome = outcome


def outcome_of(
    reply: Reply, *, clean: Callable[[str], str], provider_id: str | None = None, our_id: str | None = None
) -> Outcome:
    """Return what a status means where the vendor's documents do not say otherwise.

    `clean` takes secrets out of what the receiver said. Without a `provider_id` it is the first header that looks like
    a request id; of what was taken `our_id` where there is none, else None.
    """
    kind = _kind_of(reply.status)
    retry_after = retry_after_of(reply) if kind in {OutcomeKind.THROTTLED, OutcomeKind.OVERLOADED} else None
    return Outcome(
        kind,
        None if kind is OutcomeKind.DELIVERED else _sentence(reply, kind, retry_after, clean),
        http_status=reply.status,
        provider_id=provider_id or provider_id_of(reply) or (our_id if kind is OutcomeKind.DELIVERED else None),
        retry_after_seconds=retry_after,
        reply=kept_reply(reply, clean),
        resolved_address=reply.address,
    )


def kept_reply(reply: Reply, clean: Callable[[str], str]) -> str | None:
    """Return what is kept of a reply: its text without secrets and control characters, 4 KiB; None if empty."""
    coding = reply.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        return _cut(f"(compressed with {clean(_line(coding))}, which was not asked for and is not read)")
    if not reply.body:
        return None
    return _cut(clean(_UNPRINTABLE.sub(" ", reply.body.decode(errors="replace"))))


def provider_id_of(reply: Reply) -> str | None:
    """Return what the receiver calls the request, of its first header that looks like a request id."""
    for name in _ID_HEADERS:
        if (said := reply.headers.get(name)) and (found := _line(said)):
            return found[:_ID_CHARACTERS_MAX]
    return None


def retry_after_of(reply: Reply) -> int | None:
    """Return how many seconds the receiver asks us to wait; None where it does not say, or not in HTTP's words.

    A date is compared with the receiver's own clock, as far as it tells it.
    """
    text = reply.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,20}", text):
        return min(int(text), _SECONDS_MAX)
    until, now = _instant(text), _instant(reply.headers.get("date", ""))
    if until is None or now is None:
        return None
    return min(max(0, int((until - now).total_seconds())), _SECONDS_MAX)


def _kind_of(status: int) -> OutcomeKind:
    if 200 <= status <= 299:
        return OutcomeKind.DELIVERED
    if status == 410:
        return OutcomeKind.REJECTED
    if status == 429:
        return OutcomeKind.THROTTLED
    if status in _OVERLOADED:
        return OutcomeKind.OVERLOADED
    return OutcomeKind.REFUSED if 300 <= status <= 499 else OutcomeKind.FAILED


def _sentence(reply: Reply, kind: OutcomeKind, retry_after: int | None, clean: Callable[[str], str]) -> str:
    said = _quoted(reply, clean)
    return f"the receiver answered {reply.status}: {_meaning(reply, kind, retry_after)}{said}"


def _meaning(reply: Reply, kind: OutcomeKind, retry_after: int | None) -> str:
    wait = "" if retry_after is None else f" and asks to wait {retry_after} s"
    if kind is OutcomeKind.THROTTLED:
        return f"it takes no more for now{wait}"
    if kind is OutcomeKind.OVERLOADED:
        return f"it, or what stands in front of it, can't take anything for now{wait}"
    if kind is OutcomeKind.REJECTED:
        return "it is gone for good; give the route another target"
    if 300 <= reply.status <= 399:
        return "redirects are not followed; give the route the URL that takes messages"
    if kind is OutcomeKind.FAILED:
        return "it has a fault; its log may say which"
    return _ADVICE.get(reply.status, "it refuses the message")


def _quoted(reply: Reply, clean: Callable[[str], str]) -> str:
    """Return the receiver's own words where they are short and for people."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"text/plain", "application/json", "application/problem+json"}:
        return ""
    words = _line(kept_reply(reply, clean) or "")
    return f" (it says: {words[:_QUOTED_CHARACTERS_MAX]})" if words else ""


def _instant(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _line(text: str) -> str:
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def _cut(text: str) -> str:
    return text.encode(errors="replace")[:REPLY_KEPT_BYTES].decode(errors="ignore")
