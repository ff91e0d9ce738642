"""Logging as a process sets it up, its lines kept in memory."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest

from luota_svc.telemetry.logs import configure_logging

NOON = datetime(2026, 5, 25, 12, 0, 0, 123456, tzinfo=UTC)


class Lines:
    def __init__(self, level: str = "info", **options):
        self.stream = io.BytesIO()
        self.logging = configure_logging(level, now=lambda: NOON, stream=self.stream, **options)

    def text(self) -> str:
        assert self.logging.flush(5)
        return self.stream.getvalue().decode()

    def parsed(self) -> list[dict]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def lines():
    made: list[Lines] = []

    def make(level: str = "info", **options) -> Lines:
        made.append(Lines(level, **options))
        return made[-1]

    yield make
    for one in reversed(made):
        one.logging.close()
