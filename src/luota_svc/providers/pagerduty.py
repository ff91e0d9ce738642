"""PagerDuty by its Events API v2: what Luota calls an incident is one alert there, found again by the incident's id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from luota_svc.model.deliveries import Dispatch, Outcome, OutcomeKind
from luota_svc.providers.correlation import correlation_headers
from luota_svc.providers.http_client import ExchangeFailed, GuardedClient, Reply, outcome_of
from luota_svc.providers.pagerduty_event import events_of

# Where its service regions take events; an account lives in one of them (support.pagerduty.com: service regions).
REGIONS: Final = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}

# Of all events together; a little more than the client gives one, for its sentence says more than ours.
_SECONDS: Final = 15.25
_AT_ONCE: Final = 4
_SHOWN_MOST: Final = 300


class PagerDutyProvider:
    """Triggers, acknowledges and resolves. Sending the same again changes nothing there: it folds by dedup key."""

    def __init__(
        self, client: GuardedClient, *, clean: Callable[[str], str], regions: Mapping[str, str] = REGIONS
    ) -> None:
        """Take the client, what takes secrets out of a reply, and the base URL of each service region."""
        self._client = client
        self._clean = clean
        self._regions = regions

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Make one attempt; at most 15.25 s. An alert of several incidents is delivered when all of them are."""
        events = events_of(json.loads(dispatch.content), dispatch.target["routingKey"])
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._send(dispatch, events)
        except TimeoutError:
            return Outcome(OutcomeKind.TIMED_OUT, error="PagerDuty did not answer within 15 s")

    async def _send(self, dispatch: Dispatch, events: list[dict[str, Any]]) -> Outcome:
        """Send the main incident's events in their order, then the others'; stop at the first that is not taken."""
        main = [event for event in events if event["dedup_key"] == events[0]["dedup_key"]]
        rest = [event for event in events if event["dedup_key"] != events[0]["dedup_key"]]
        told: Outcome | None = None
        for event in main:
            outcome = await self._post(dispatch, event)
            if outcome.kind is not OutcomeKind.DELIVERED:
                return outcome
            told = told or outcome
        assert told is not None, "an alert has at least one event"
        for start in range(0, len(rest), _AT_ONCE):
            batch = rest[start : start + _AT_ONCE]
            for outcome in await asyncio.gather(*(self._post(dispatch, event) for event in batch)):
                if outcome.kind is not OutcomeKind.DELIVERED:
                    return outcome
        return told

    async def _post(self, dispatch: Dispatch, event: dict[str, Any]) -> Outcome:
        url = f"{self._regions[dispatch.target.get('region') or 'us']}/v2/enqueue"
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", **correlation_headers(dispatch)}
        try:
            reply = await self._client.post(url, body, headers, secrets=(event["routing_key"],))
        except ExchangeFailed as failed:
            return failed.outcome
        return self._judge(reply)

    def _judge(self, reply: Reply) -> Outcome:
        said = _said(reply)
        key = said.get("dedup_key")
        outcome = outcome_of(reply, clean=self._clean, provider_id=key if isinstance(key, str) else None)
        if reply.status == 400:
            error = f"PagerDuty refuses the event for good ({self._clean(_why(said))}): check the route's routing key"
            return replace(outcome, kind=OutcomeKind.REJECTED, error=error)
        if outcome.kind is OutcomeKind.DELIVERED and (reply.status != 202 or not isinstance(key, str)):
            error = f"what answered {reply.status} gave no dedup key: it is not PagerDuty"
            return replace(outcome, kind=OutcomeKind.REFUSED, error=error)
        return outcome


def _said(reply: Reply) -> dict[str, Any]:
    try:
        said = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _why(said: dict[str, Any]) -> str:
    errors = said.get("errors")
    words = errors if isinstance(errors, list) and errors else [said.get("message") or "no reason given"]
    return "; ".join(map(str, words))[:_SHOWN_MOST]
