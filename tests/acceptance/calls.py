"""Calls to a running Luota as a job or an operator makes them; whatever is shown or answered is told to a witness."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.witness import Witness


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]


class Caller:
    """One Luota's HTTP door, seen with one credential."""

    def __init__(self, url: str, witness: Witness, *, key: str = "", operator: str = "") -> None:
        self.url = url
        self._address = urlsplit(url).netloc
        self._witness = witness
        self._shown: dict[str, str] = {}
        if key:
            self._shown["X-Luota-Key"] = key
        if operator:
            self._shown["Authorization"] = f"Bearer {operator}"
        witness.uses(key, operator)

    def seen_with(self, *, key: str = "", operator: str = "", url: str = "") -> Caller:
        """Return the same door seen with another credential, or another door."""
        return Caller(url or self.url, self._witness, key=key, operator=operator)

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request on a connection of its own; 20 s at most."""
        connection = http.client.HTTPConnection(self._address, timeout=20)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {**self._shown, **(headers or {})})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, names, response.read().decode())
        finally:
            connection.close()
        self._witness.answered(f"{method} {path}", answer.status, answer.text)
        return answer

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        return self.call("POST", path, {} if body is None else body, headers)

    def start(self, monitor: str, run: str, **more: Any) -> Answer:
        return self.post("/v1/runs/start", {"monitorId": monitor, "externalRunId": run, **more})

    def finish(self, monitor: str, run: str, code: int, **more: Any) -> Answer:
        return self.post("/v1/runs/finish", {"monitorId": monitor, "externalRunId": run, "exitCode": code, **more})


def at_once(calls: Sequence[Any]) -> list[Answer]:
    """Make calls side by side, a thread each, and return their answers in order."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result() for future in [threads.submit(call) for call in calls]]
