"""Only a drill's own receiver at this very installation goes past the address guard; a drill's failure wakes nobody."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from luota_svc.rules.drills import LASTS, is_receiver, receiver_url
from luota_svc.rules.retry import FALLBACK_AFTER

HERE = "http://127.0.0.1:8080"
DRILL = UUID("01a20ca0-ba6c-7b84-8dcc-617c5485b9b4")


@pytest.mark.parametrize("public_url", [HERE, "https://luota.example", "https://luota.example/base"])
def test_a_drills_receiver_is_known_by_its_url(public_url):
    assert is_receiver(receiver_url(public_url, DRILL), public_url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        HERE,
        f"{HERE}/v1/drills/{DRILL}",
        f"{HERE}/v1/drills/{DRILL}:repair",
        f"{HERE}/v1/drills/{DRILL}/receiver/",
        f"{HERE}/v1/drills/{DRILL}/receiver?x=1",
        f"{HERE}/v1/drills/{DRILL}/receiver#x",
        f"{HERE}/v1/drills/{DRILL}/receiver\n",
        f"{HERE}/v1/drills/../{DRILL}/receiver",
        f"{HERE}/v1/drills/{str(DRILL).upper()}/receiver",
        f"{HERE}0/v1/drills/{DRILL}/receiver",
        f"{HERE}@169.254.169.254/v1/drills/{DRILL}/receiver",
        f"{HERE}.evil.example/v1/drills/{DRILL}/receiver",
        f"https://127.0.0.1:8080/v1/drills/{DRILL}/receiver",
        f"http://localhost:8080/v1/drills/{DRILL}/receiver",
        f"http://169.254.169.254/?{HERE}/v1/drills/{DRILL}/receiver",
    ],
)
def test_nothing_else_is(url):
    assert not is_receiver(url, HERE)


def test_a_drill_that_was_left_alone_is_over_before_its_failure_is_told_to_somebody_else():
    assert LASTS + timedelta(minutes=1) < FALLBACK_AFTER
