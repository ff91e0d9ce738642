"""The line of an attempt: what it holds, what it hides, at which level it is silent."""

from uuid import UUID

import pytest
from tests.telemetry.conftest import Lines

TOKEN = "wfmn1.0190163d-8694-739b-aea5-966c26f8ad91.c2VjcmV0"
FACTS = {
    "delivered": False,
    "request_id": "req-1",
    "trace_id": "a" * 32,
    "delivery_id": UUID(int=1),
    "route_id": UUID(int=2),
    "kind": "webhook",
    "number": 3,
    "outcome": "refused",
    "http_status": 400,
    "provider_id": "id-1",
    "error": "the receiver answered 400",
    "seconds": 0.0126,
}


def attempt(out: Lines, **instead: object) -> None:
    out.logging.attempts.attempt(**(FACTS | instead))


def test_a_line_tells_what_became_of_the_attempt(lines):
    out = lines()
    attempt(out)
    (line,) = out.parsed()
    assert line == {
        "at": "2026-05-25T12:00:00.123Z",
        "level": "warning",
        "event": "attempt",
        "logger": "luota.attempt",
        "trace_id": "a" * 32,
        "delivery_id": str(UUID(int=1)),
        "route_id": str(UUID(int=2)),
        "kind": "webhook",
        "number": 3,
        "outcome": "refused",
        "http_status": 400,
        "provider_id": "id-1",
        "error": "the receiver answered 400",
        "duration_ms": 13,
        "request_id": "req-1",
    }


def test_one_that_was_taken_stands_at_info(lines):
    out = lines()
    attempt(out, delivered=True, request_id=None)
    (line,) = out.parsed()
    assert line["level"] == "info"
    assert "request_id" not in line


@pytest.mark.parametrize(("level", "told"), [("info", 2), ("warning", 1), ("error", 0)])
def test_levels_below_the_chosen_are_silent(lines, level, told):
    out = lines(level)
    attempt(out, delivered=True)
    attempt(out, delivered=False)
    assert len(out.text().splitlines()) == told


@pytest.mark.parametrize("human", [True, False])
def test_what_a_provider_said_is_scrubbed(lines, human):
    out = lines(human=human, secrets=["hush-hush"])
    attempt(out, error=f"it says {TOKEN} and hush-hush", provider_id="id of hush-hush")
    assert "it says" in out.text()
    assert TOKEN not in out.text()
    assert "hush" not in out.text()


def test_a_terminal_gets_one_short_line(lines):
    out = lines(human=True)
    attempt(out)
    (line,) = out.text().splitlines()
    assert line.endswith(f"webhook attempt 3 of {UUID(int=1)} refused 400 13 ms req-1 the receiver answered 400")
