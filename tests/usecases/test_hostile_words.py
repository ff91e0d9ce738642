"""A result is written whatever a provider said: one that can't be is told again and again."""

from __future__ import annotations

import pytest

from luota_svc.model.deliveries import Outcome, OutcomeKind

WORDS = "caf\udce9\0 \ud83d\n\x1b[31m\u202e" + "x" * 10_000


@pytest.mark.parametrize("kind", [OutcomeKind.DELIVERED, OutcomeKind.REJECTED, OutcomeKind.FAILED])
async def test_a_result_is_settled_in_whatever_words(room, kind):
    (duty,) = room.news(room.route())
    await room.work(room.outbox(), Outcome(kind, WORDS, provider_id=WORDS, reply=WORDS))
    row = room.delivery(duty)
    assert row["state"] != "sending"
    assert row["provider_id"].startswith("caf [31m x")
    assert [attempt[1] for attempt in room.attempts(duty)] == [kind.value]
