"""Whatever becomes of keeping an alert in the inbox is an outcome."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from luota_svc.model.deliveries import DeliveryReason, Dispatch, OutcomeKind
from luota_svc.model.errors import Unavailable
from luota_svc.providers import inbox
from luota_svc.providers.inbox import InboxProvider

DISPATCH = Dispatch(UUID(int=1), 1, DeliveryReason.OPENED, b"{}", "req-1", None, {})


async def sent(keep):
    return await InboxProvider(keep).send(DISPATCH)


async def test_a_kept_alert_is_delivered_and_its_message_is_what_the_provider_calls_it():
    async def keep(dispatch):
        assert dispatch is DISPATCH
        return UUID(int=9)

    outcome = await sent(keep)
    assert (outcome.kind, outcome.provider_id, outcome.error) == (OutcomeKind.DELIVERED, str(UUID(int=9)), None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(Unavailable("PostgreSQL: password"), OutcomeKind.UNREACHABLE), (ValueError("password"), OutcomeKind.FAILED)],
)
async def test_what_goes_wrong_is_said_without_its_own_words(error, kind):
    async def keep(_dispatch):
        raise error

    outcome = await sent(keep)
    assert outcome.kind is kind
    assert "password" not in outcome.error


async def test_a_delivery_that_is_gone_is_refused():
    async def keep(_dispatch):
        return None

    assert (await sent(keep)).kind is OutcomeKind.REFUSED


async def test_a_database_that_hangs_times_out(monkeypatch):
    monkeypatch.setattr(inbox, "_SECONDS_MAX", 0.01)

    async def keep(_dispatch):
        await asyncio.Event().wait()

    assert (await sent(keep)).kind is OutcomeKind.TIMED_OUT
