"""Slack and hosts that speak its incoming webhooks: one POST, and the word `ok` is the proof."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from luota_svc.model.deliveries import Dispatch, Outcome, OutcomeKind
from luota_svc.providers.correlation import correlation_headers
from luota_svc.providers.http_client import ExchangeFailed, GuardedClient, Reply, outcome_of
from luota_svc.providers.slack_message import message_of, plain_message_of

# Of both posts together; a little more than the client gives one, for its sentence says more than ours.
_SECONDS: Final = 15.25
_NEW_URL: Final = "make a new incoming webhook in Slack and put its URL on the route"
# What Slack calls its own refusals, and what mends each (docs.slack.dev: sending messages using incoming webhooks).
# None of them goes away by sending the same again.
_PERMANENT: Final = {
    "action_prohibited": "an administrator forbids posting there: ask them, or choose another channel",
    "channel_is_archived": "the channel is archived: unarchive it, or choose another channel",
    "channel_not_found": f"the channel is gone: {_NEW_URL}",
    "invalid_payload": "it does not understand the message: check that the URL is an incoming webhook's",
    "invalid_token": f"the URL is no longer valid: {_NEW_URL}",
    "no_active_hooks": f"the webhook is switched off: {_NEW_URL}",
    "no_service": f"the webhook was removed or switched off: {_NEW_URL}",
    "no_service_id": f"the URL is not whole: {_NEW_URL}",
    "no_team": f"the Slack workspace is gone: {_NEW_URL}",
    "no_text": "it found no text in the message: check that the URL is an incoming webhook's",
    "posting_to_general_channel_denied": "only some may post to #general: choose another channel",
    "team_disabled": "the Slack workspace is switched off: ask its owner, or choose another workspace",
    "user_not_found": f"the person it was to reach is gone: {_NEW_URL}",
}
# It takes no such blocks; the same in plain words may pass, and a person is told.
_UNDRAWABLE: Final = {"invalid_blocks", "invalid_blocks_format", "invalid_payload", "msg_blocks_too_long"}
# What Rocket.Chat says for Slack's `ok`.
_ALSO_OK: Final = {"success": True}


class SlackProvider:
    """Tells a channel. One message a dispatch, which names every further incident."""

    def __init__(self, client: GuardedClient, *, clean: Callable[[str], str]) -> None:
        """Take the client, and what takes secrets out of a reply."""
        self._client = client
        self._clean = clean

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Make one attempt; at most 15.25 s. A message that Slack cannot draw is sent once more in plain words."""
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._send(dispatch)
        except TimeoutError:
            return Outcome(OutcomeKind.TIMED_OUT, error="the receiver did not answer within 15 s")
        except ExchangeFailed as failed:
            return failed.outcome

    async def _send(self, dispatch: Dispatch) -> Outcome:
        alert = json.loads(dispatch.content)
        reply = await self._post(dispatch, message_of(alert))
        if reply.status == 400 and _word_of(reply) in _UNDRAWABLE:
            reply = await self._post(dispatch, plain_message_of(alert))
        return self._judge(reply)

    async def _post(self, dispatch: Dispatch, message: dict[str, Any]) -> Reply:
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", **correlation_headers(dispatch)}
        return await self._client.post(dispatch.target["url"], body, headers)

    def _judge(self, reply: Reply) -> Outcome:
        provider_id = reply.headers.get("x-slack-unique-id") or reply.headers.get("x-slack-req-id")
        outcome = outcome_of(reply, clean=self._clean, provider_id=provider_id)
        word = _word_of(reply)
        if outcome.kind is OutcomeKind.DELIVERED:
            if reply.status == 200 and (word == "ok" or _says_success(reply)):
                return outcome
            error = f"the receiver answered {reply.status} but not `ok`: check that the URL is an incoming webhook's"
            return replace(outcome, kind=OutcomeKind.REFUSED, error=error)
        if word in _PERMANENT and outcome.kind is not OutcomeKind.THROTTLED:
            return replace(outcome, kind=OutcomeKind.REJECTED, error=f"Slack refuses ({word}): {_PERMANENT[word]}")
        return outcome


def _word_of(reply: Reply) -> str:
    return reply.body[:100].decode(errors="replace").strip()


def _says_success(reply: Reply) -> bool:
    try:
        return bool(json.loads(reply.body) == _ALSO_OK)
    except (ValueError, RecursionError):
        return False
