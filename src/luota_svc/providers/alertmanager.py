"""A Prometheus Alertmanager by its API v2: told at once, and again while the incident stands, for it forgets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from luota_svc.clock import Clock
from luota_svc.model.deliveries import Dispatch, Outcome, OutcomeKind
from luota_svc.model.refreshing import Standing
from luota_svc.model.routes import Target
from luota_svc.providers.alertmanager_alerts import alerts_of, standing_alerts
from luota_svc.providers.correlation import correlation_headers
from luota_svc.providers.http_client import ExchangeFailed, GuardedClient, Reply, outcome_of

# An alert that is not said again ends after this: longer than Luota is away when it is brought up to date, for what
# ends by itself reads as if the work were well again. What is over is told with its own end, and waits for nothing.
STANDS_FOR: Final = timedelta(minutes=15)
# In one request, as many as Prometheus itself sends in a few.
_ALERTS_MOST: Final = 64
_SHOWN_MOST: Final = 300


class AlertmanagerProvider:
    """Posts alerts. Labels make an alert the same one, so sending it again changes nothing but its end."""

    def __init__(self, client: GuardedClient, *, clock: Clock, clean: Callable[[str], str]) -> None:
        """Take the client, the clock that alerts end by, and what takes secrets out of a reply."""
        self._client = client
        self._clock = clock
        self._clean = clean

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Make one attempt, in one request; at most 15 s."""
        alerts = alerts_of(json.loads(dispatch.content), ends_at=self._clock.now() + STANDS_FOR)
        return await self._post(dispatch.target, alerts, correlation_headers(dispatch))

    async def refresh(self, target: Target, standing: Sequence[Standing]) -> Outcome:
        """Say again what stands, and what ended lately; the first request that fails ends it. 15 s for each 64."""
        alerts = standing_alerts(standing, ends_at=self._clock.now() + STANDS_FOR)
        outcome = Outcome(OutcomeKind.DELIVERED)
        for start in range(0, len(alerts), _ALERTS_MOST):
            outcome = await self._post(target, alerts[start : start + _ALERTS_MOST], {})
            if outcome.kind is not OutcomeKind.DELIVERED:
                break
        return outcome

    async def _post(self, target: Target, alerts: list[dict[str, Any]], headers: dict[str, str]) -> Outcome:
        url = f"{target['url'].rstrip('/')}/api/v2/alerts"
        body = json.dumps(alerts, ensure_ascii=False, separators=(",", ":")).encode()
        sent = {"Content-Type": "application/json", **headers, **_authorization(target)}
        try:
            secrets = [target[name] for name in ("password", "bearerToken") if target.get(name)]
            reply = await self._client.post(url, body, sent, secrets=secrets)
        except ExchangeFailed as failed:
            return failed.outcome
        return self._judge(reply)

    def _judge(self, reply: Reply) -> Outcome:
        outcome = outcome_of(reply, clean=self._clean)
        if reply.status == 400:
            # Cleaned as a whole: of a secret that is cut in two nobody would know the half.
            said = (outcome.reply or "it says nothing")[:_SHOWN_MOST]
            return replace(outcome, kind=OutcomeKind.REJECTED, error=f"Alertmanager refuses the alert for good: {said}")
        if outcome.kind is OutcomeKind.DELIVERED and reply.status != 200:
            error = f"the receiver answered {reply.status} and not 200: check that the URL is an Alertmanager's"
            return replace(outcome, kind=OutcomeKind.REFUSED, error=error)
        if reply.status in {401, 403}:
            error = f"it answered {reply.status}: check the route's username and password, or its bearer token"
            return replace(outcome, error=error)
        if reply.status == 404:
            error = "it answered 404: check the route's URL, which is what stands before /api/v2/alerts"
            return replace(outcome, error=error)
        return outcome


def _authorization(target: Target) -> dict[str, str]:
    if token := target.get("bearerToken"):
        return {"Authorization": f"Bearer {token}"}
    if username := target.get("username"):
        pair = f"{username}:{target.get('password') or ''}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}
