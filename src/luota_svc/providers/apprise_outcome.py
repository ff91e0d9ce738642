"""What a child of Apprise says it came to, as an outcome with a sentence that a tired person understands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from luota_svc.model.deliveries import Outcome, OutcomeKind
from luota_svc.providers.http_exchange import Reply, outcome_of

_ERROR_CHARACTERS_MAX: Final = 1_000
_TROUBLES: Final = {
    "timeout": (OutcomeKind.TIMED_OUT, "the service did not answer in time; it may have taken the alert"),
    "tls": (
        OutcomeKind.UNREACHABLE,
        "no TLS with the service: its certificate is not trusted, or it speaks none (see LUOTA_DELIVERY_CA_FILE)",
    ),
    "dns": (OutcomeKind.UNREACHABLE, "DNS knows no host of the service's name: check the name"),
    "unconnected": (OutcomeKind.UNREACHABLE, "no connection to the service within 3 s: is a firewall between?"),
    "proxy": (OutcomeKind.UNREACHABLE, "the proxy of LUOTA_DELIVERY_PROXY_URL does not let it through"),
    "protocol": (OutcomeKind.FAILED, "what the service answers is no HTTP: is it the right port?"),
    "connection": (
        OutcomeKind.UNREACHABLE,
        "no connection to the service, or one that broke before the whole answer had come",
    ),
}


def outcome_of_verdict(verdict: dict[str, Any], *, tidy: Callable[[str], str], delivery_id: str) -> Outcome:
    """Return the outcome. `tidy` takes secrets out of whatever was said elsewhere; our own sentences hold none.

    Delivered is what the plugin says was taken and an answer of 2xx confirms. The provider's id is that of the answer's
    header, else the delivery's own.
    """
    words = " / ".join(tidy(each) for each in verdict["words"])
    exchange: dict[str, Any] | None = verdict["exchange"]
    if not verdict["readable"]:
        outcome = _told("Apprise can't read the route's URL: a part of it is missing or malformed", words)
    elif exchange is None:
        outcome = _unsent(verdict, words)
    else:
        answered = _answered(exchange, tidy, delivery_id)
        if verdict["taken"] and exchange["accepted"]:
            outcome = answered
        elif verdict["refusal"] is not None:
            outcome = Outcome(OutcomeKind.BLOCKED, verdict["refusal"], resolved_address=exchange["address"])
        else:
            outcome = _untaken(answered, verdict, words)
    return replace(outcome, error=None if outcome.error is None else outcome.error[:_ERROR_CHARACTERS_MAX])


def _unsent(verdict: dict[str, Any], words: str) -> Outcome:
    if verdict["refusal"] is not None:
        return Outcome(OutcomeKind.BLOCKED, verdict["refusal"])
    if verdict["fault"] is not None:
        return Outcome(OutcomeKind.FAILED, f"Apprise's plugin broke ({verdict['fault']}), and nothing was sent")
    return _told("Apprise sent nothing", words)


def _answered(exchange: dict[str, Any], tidy: Callable[[str], str], delivery_id: str) -> Outcome:
    """Return what the exchange alone came to."""
    if exchange["trouble"] is not None:
        kind, sentence = _TROUBLES[exchange["trouble"]]
        return Outcome(kind, sentence, http_status=exchange["status"], resolved_address=exchange["address"])
    headers = {name: tidy(value) for name, value in exchange["headers"].items()}
    reply = Reply(exchange["status"], headers, exchange["reply"].encode(), exchange["address"] or "")
    outcome = outcome_of(reply, clean=tidy)
    return replace(
        outcome, provider_id=outcome.provider_id or delivery_id, resolved_address=outcome.resolved_address or None
    )


def _untaken(answered: Outcome, verdict: dict[str, Any], words: str) -> Outcome:
    if answered.kind is not OutcomeKind.DELIVERED:
        return answered
    said = f"the service answered {answered.http_status}, but not that it took the alert"
    if verdict["fault"] is not None:
        return replace(answered, kind=OutcomeKind.FAILED, error=f"{said}: Apprise's plugin broke ({verdict['fault']})")
    return replace(answered, kind=OutcomeKind.REFUSED, error=_told(said, words).error)


def _told(sentence: str, words: str) -> Outcome:
    return Outcome(OutcomeKind.REFUSED, f"{sentence} (Apprise says: {words})" if words else sentence)
