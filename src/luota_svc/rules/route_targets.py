"""Where a route leads: what is wrong with a target, what people see of it, and which destination it is."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import idna

from luota_svc.model.errors import FieldProblem
from luota_svc.model.routes import RouteKind, RouteSettings, Target
from luota_svc.rules.apprise_urls import apprise_refusal
from luota_svc.rules.canonical_json import digest_of
from luota_svc.rules.instants import instant_text
from luota_svc.rules.names import line_problem
from luota_svc.rules.web_addresses import masked_url, origin_of, url_problems

MASK: Final = "***"
# In place of a secret it asks us to make one.
GENERATE: Final = "generate"
PREVIOUS_SECRET_FOR: Final = timedelta(hours=24)

_NAME_MAX: Final = 100
_MONITORS_MAX: Final = 1_000
_AFTER_SECONDS_MAX: Final = 86_400
_RECIPIENTS_MAX: Final = 20
_ADDRESS_MAX: Final = 254
_TEXT_MAX: Final = 512
_TOKEN_MAX: Final = 4_096
_SECRET: Final = re.compile(r"[!-~]{16,128}")
_ROUTING_KEY: Final = re.compile(r"[0-9A-Za-z]{32}")
# What we add to an Alertmanager's URL, or an older version of it; only at the end, for a prefix may hold such words.
_ALERTMANAGER_API: Final = re.compile(r"/api/v\d+(/alerts)?/*$", re.ASCII)
_VISIBLE: Final = re.compile(r"[!-~]+")
_STANDARD: Final = "whsec_"
# Without `=?`: what a mail library takes for an encoded word may stand for a line end, and so for another header.
_LOCAL_PART: Final = re.compile(r'(?!.*=\?)[^\x00-\x20\x7f-\xa0()<>@,;:\\"\[\]]{1,64}')
# What changes with time alone, or at an operator's rotation, and leads nowhere else.
_PASSING: Final = ("previousSecret", "previousSecretUntil")
_HIDDEN: Final = frozenset({"secret", "routingKey", "webhookSecret", "password", "bearerToken"})
# What is sent as it is, and so must never follow a URL to another origin by itself.
_SENT: Final = ("password", "bearerToken")


def _nowhere(_text: str) -> bool:
    return False


def _anywhere(_host: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """What this installation lets routes lead to."""

    allow_http: bool = False
    # Why a host that is named may not be reached; None where nothing speaks against it.
    host_refusal: Callable[[str], str | None] = _anywhere
    # The receivers of drills, which go past the address guard: no operator's route leads there.
    of_drills: Callable[[str], bool] = _nowhere
    # The kinds that it has no means to tell by, and why.
    refused: Mapping[RouteKind, str] = field(
        default_factory=lambda: {RouteKind.INBOX: "is there in luota-svc dev alone; choose another kind"}
    )


class Manners(NamedTuple):
    """How a destination wants to be spoken to: claims a second, and whether people read there as it comes."""

    per_second: int
    paced: bool


def settings_problems(settings: RouteSettings) -> list[FieldProblem]:
    """Return every problem of a route's settings, its target apart."""
    problems = []
    if not 1 <= len(settings.name) <= _NAME_MAX:
        problems.append(FieldProblem("name", f"must be 1 to {_NAME_MAX} characters"))
    elif problem := line_problem(settings.name):
        problems.append(FieldProblem("name", problem))
    if len(settings.monitor_ids) > _MONITORS_MAX:
        problems.append(FieldProblem("monitorIds", f"must be at most {_MONITORS_MAX}; none at all means every one"))
    if not 0 <= settings.after_seconds <= _AFTER_SECONDS_MAX:
        problems.append(FieldProblem("afterSeconds", f"must be 0 to {_AFTER_SECONDS_MAX}"))
    return problems


def target_problems(kind: RouteKind, target: Target, policy: TargetPolicy) -> list[FieldProblem]:
    """Return every problem of a target, each with the path of its field, in words that show no secret."""
    if reason := policy.refused.get(kind):
        return [FieldProblem("kind", reason)]
    return [FieldProblem(f"{kind.value}.{name}", problem) for name, problem in _PROBLEMS_OF[kind](target, policy)]


def merged(kind: RouteKind, stands: Target, given: Target) -> dict[str, Any]:
    """Return a target with what is given laid over what stands; an empty text takes a member away.

    A member that is given as it is shown stays as it stands, so that what was read can be sent back.
    """
    target = {**stands, **_changes(kind, stands, given)}
    if not target.get("secret"):
        target = {name: value for name, value in target.items() if name not in _PASSING}
    return {name: value for name, value in target.items() if value != ""}


def carried_problems(kind: RouteKind, stands: Target, given: Target) -> list[FieldProblem]:
    """Return a problem for each secret that an update would send, as it stands, to another origin than before."""
    changes = _changes(kind, stands, given)
    if "url" not in changes or origin_of(changes["url"]) == origin_of(stands.get("url", "")):
        return []
    return [
        FieldProblem(f"{kind.value}.{name}", "must be given again, or emptied, where the URL leads to another host")
        for name in _SENT
        if name in stands and name not in changes
    ]


def shown_target(kind: RouteKind, target: Target) -> dict[str, Any]:
    """Return what people see of a target: nothing in it is secret."""
    return {name: _shown(kind, name, value) for name, value in target.items() if name != "previousSecret"}


def destination_of(kind: RouteKind, target: Target) -> bytes:
    """Return the SHA-256 of a whole target: routes that have one share its bulkhead and its breaker."""
    lasting = {name: value for name, value in target.items() if name not in _PASSING}
    if "to" in lasting:
        lasting["to"] = sorted(lasting["to"])
    return digest_of({"kind": kind.value, "target": lasting})


def manners_of(kind: RouteKind) -> Manners:
    """Return how a destination of a kind wants to be spoken to (docs/adr/0028; Slack's own limit is one a second)."""
    machine = kind in {RouteKind.PAGERDUTY, RouteKind.ALERTMANAGER}
    return Manners(per_second=1 if kind is RouteKind.SLACK else 10, paced=not machine)


def standard_secret(random: str) -> str:
    """Return a secret in the form of Standard Webhooks from 32 random bytes in base64url without padding."""
    return _STANDARD + base64.b64encode(base64.urlsafe_b64decode(f"{random}=")).decode()


def with_secret(target: Target, secret: str, now: datetime) -> dict[str, Any]:
    """Return a webhook's target with another secret; the one before signs too for 24 hours."""
    rotated = {**target, "secret": secret}
    if before := target.get("secret"):
        return {**rotated, "previousSecret": before, "previousSecretUntil": instant_text(now + PREVIOUS_SECRET_FOR)}
    return rotated


def _changes(kind: RouteKind, stands: Target, given: Target) -> dict[str, Any]:
    shown = shown_target(kind, stands)
    return {name: value for name, value in given.items() if name not in shown or value != shown[name]}


def _shown(kind: RouteKind, name: str, value: Any) -> Any:
    if name in _HIDDEN:
        return MASK
    if name != "url":
        return value
    if kind is RouteKind.APPRISE:
        # Behind the scheme even the host may be a token.
        return f"{value.partition('://')[0]}://{MASK}"
    return masked_url(value, tail=kind is not RouteKind.SLACK)


_Problems = Iterator[tuple[str, str]]


def _webhook(target: Target, policy: TargetPolicy) -> _Problems:
    yield from _url(target, policy)
    secret = target.get("secret")
    if secret is None:
        return
    if not _SECRET.fullmatch(secret):
        yield "secret", "must be 16 to 128 visible characters of ASCII, or the word generate"
    elif secret.startswith(_STANDARD) and not _is_base64(secret.removeprefix(_STANDARD)):
        yield "secret", "begins with whsec_ and must go on in base64, or begin otherwise"


def _email(target: Target, _policy: TargetPolicy) -> _Problems:
    to: Sequence[str] = target.get("to", ())
    if not 1 <= len(to) <= _RECIPIENTS_MAX:
        yield "to", f"must name 1 to {_RECIPIENTS_MAX} addresses"
    seen: set[str] = set()
    for index, address in enumerate(to[:_RECIPIENTS_MAX]):
        if not _is_address(address):
            yield f"to[{index}]", "must be an e-mail address alone, such as oncall@example.org"
        elif address.casefold() in seen:
            yield f"to[{index}]", "is named twice"
        seen.add(address.casefold())


def _slack(target: Target, policy: TargetPolicy) -> _Problems:
    # Any host: what is compatible with Slack is often one's own.
    yield from _url(target, policy)


def _pagerduty(target: Target, _policy: TargetPolicy) -> _Problems:
    if not _ROUTING_KEY.fullmatch(target.get("routingKey", "")):
        yield "routingKey", "must be the 32 letters and digits of an Events API v2 integration key"
    if not _SECRET.fullmatch(target.get("webhookSecret", "-" * 16)):
        yield "webhookSecret", "must be 16 to 128 visible characters of ASCII"
    if target.get("region", "us") not in {"us", "eu"}:
        yield "region", "must be us or eu: where the account lives"


def _alertmanager(target: Target, policy: TargetPolicy) -> _Problems:
    yield from _url(target, policy)
    if found := _ALERTMANAGER_API.search(target.get("url", "")):
        yield "url", f"must end before {found[0]}: /api/v2/alerts is added to it"
    if "?" in target.get("url", ""):
        yield "url", "must end before any ?: /api/v2/alerts is added to it"
    username, password, token = (target.get(name) for name in ("username", "password", "bearerToken"))
    if username is not None and (":" in username or not _is_line(username)):
        yield "username", f"must be one line of at most {_TEXT_MAX} characters without a colon"
    if password is not None and not _is_line(password):
        yield "password", f"must be one line of at most {_TEXT_MAX} characters"
    if (username is None) != (password is None):
        yield ("password" if password is None else "username"), "must be given where the other one is"
    if token is not None and not (_VISIBLE.fullmatch(token) and len(token) <= _TOKEN_MAX):
        yield "bearerToken", f"must be at most {_TOKEN_MAX} visible characters of ASCII"
    if token is not None and username is not None:
        yield "bearerToken", "must not be given together with a username"


def _apprise(target: Target, policy: TargetPolicy) -> _Problems:
    url = target.get("url", "")
    problem = (
        "is required"
        if not url
        else apprise_refusal(url, allow_http=policy.allow_http, host_refusal=policy.host_refusal)
    )
    if problem:
        yield "url", problem


def _inbox(_target: Target, _policy: TargetPolicy) -> _Problems:
    yield from ()


_PROBLEMS_OF: Final[Mapping[RouteKind, Callable[[Target, TargetPolicy], _Problems]]] = {
    RouteKind.WEBHOOK: _webhook,
    RouteKind.EMAIL: _email,
    RouteKind.SLACK: _slack,
    RouteKind.PAGERDUTY: _pagerduty,
    RouteKind.ALERTMANAGER: _alertmanager,
    RouteKind.APPRISE: _apprise,
    RouteKind.INBOX: _inbox,
}


def _url(target: Target, policy: TargetPolicy) -> _Problems:
    url = target.get("url", "")
    if policy.of_drills(url):
        yield "url", "is a drill's own receiver; start a drill, which makes its route itself"
        return
    for problem in url_problems(url, allow_http=policy.allow_http, host_refusal=policy.host_refusal):
        yield "url", problem


def _is_address(address: str) -> bool:
    local_part, _, domain = address.rpartition("@")
    if len(address) > _ADDRESS_MAX or not _LOCAL_PART.fullmatch(local_part):
        return False
    try:
        return b"." in idna.encode(domain, uts46=True)
    except idna.IDNAError:
        return False


def _is_line(text: str) -> bool:
    return len(text) <= _TEXT_MAX and text.isprintable()


def _is_base64(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) > 0
    except (binascii.Error, ValueError):
        return False
