"""`luota-svc drill`: a failure on purpose, from end to end, at a Luota that runs; shows each fact as it comes true."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from luota_svc.cli import CommandFailed, Exit

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

_DEV_FILE: Final = "dev.json"
_ANSWER_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.25
# A worker looks at the outbox every second; an attempt takes 15 s at most.
_TRIED_SECONDS: Final = 30.0
_TOLD_SECONDS: Final = 60.0
# An attempt in flight keeps a drill from ending.
_END_SECONDS: Final = 20.0


class _Refused(Exception):
    """Luota said no."""

    def __init__(self, status: int, error: str, request_id: str) -> None:
        self.status = status
        super().__init__(f"{status}: {error} (request {request_id})")


@dataclass(frozen=True)
class _Api:
    """One Luota and who asks it."""

    url: str
    operator_token: str

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> dict[str, Any]:
        """Return an answer. Raises _Refused, and CommandFailed where none comes."""
        parts = urlsplit(self.url)
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = connect(parts.hostname or "", parts.port, timeout=_ANSWER_SECONDS)
        shown = {"X-Luota-Key": key} if key else {"Authorization": f"Bearer {self.operator_token}"}
        content = b"" if body is None else json.dumps(body).encode()
        try:
            connection.request(method, parts.path.rstrip("/") + path, content, shown)
            answer = connection.getresponse()
            raw, request_id = answer.read(), answer.headers.get("X-Request-Id", "unknown")
        except (OSError, HTTPException) as error:
            raise CommandFailed(f"Luota can't be reached at {self.url}: {error or type(error).__name__}") from error
        finally:
            connection.close()
        try:
            document: dict[str, Any] = json.loads(raw)
        except ValueError as error:
            raise CommandFailed(f"{self.url} answers {answer.status} and no JSON: is it a Luota?") from error
        if answer.status >= 400:
            raise _Refused(answer.status, str(document.get("error")), request_id)
        return document


def run(args: argparse.Namespace) -> int:
    """Fail on purpose and tell how far it came; what it made is removed whatever happens. Exit code 1 if it failed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    known = _dev_facts(args.state_dir)
    url = args.url or known.get("httpUrl")
    # The token of a `dev` is shown to that alone.
    own = known.get("operatorToken") if url and url.rstrip("/") == known.get("httpUrl") else None
    token = os.environ.get("LUOTA_OPERATOR_TOKEN") or own
    if not url or not token:
        raise CommandFailed(
            f"say which Luota: --url and LUOTA_OPERATOR_TOKEN, or --state-dir of a `luota-svc dev` (no {_DEV_FILE} in"
            f" {args.state_dir})",
            Exit.CONFIGURATION,
        )
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise CommandFailed(f"--url: {url} is no http:// or https:// URL", Exit.CONFIGURATION)
    api = _Api(url, token)
    try:
        return _drill(api, args.workspace or _workspace(api, known))
    except _Refused as error:
        code = Exit.CONFIGURATION if error.status in {401, 403} else Exit.FAILURE
        raise CommandFailed(f"Luota refuses: {error}", code) from error
    except KeyboardInterrupt as error:
        raise CommandFailed("interrupted") from error


def _dev_facts(state_dir: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((state_dir / _DEV_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _workspace(api: _Api, known: dict[str, Any]) -> str:
    """Return the demo's workspace, or the only one that the operator sees."""
    if api.url == known.get("httpUrl"):
        return str(known["workspaceId"])
    listed = api.ask("GET", "/v1/workspaces")["workspaces"]
    if len(listed) == 1:
        return str(listed[0]["id"])
    names = ", ".join(f"{one['id']} ({one['slug']})" for one in listed[:10]) or "none"
    raise CommandFailed(f"say in which workspace: --workspace <id>; this token sees {names}", Exit.CONFIGURATION)


def _drill(api: _Api, workspace: str) -> int:
    began = time.monotonic()
    print(f"A failure on purpose at {api.url}; nobody but the drill is told.\n")
    with _standing(api, workspace) as drill:
        incident = _fail(api, drill)
        waiting = _wait(api, incident, _TRIED_SECONDS, lambda delivery: delivery["state"] != "pending")
        _say("not told", f"the packet says: {waiting.alert_state}. {waiting.next_action}")
        _say("", f"delivery {waiting.delivery['id']} is {waiting.delivery['state']}, attempt {waiting.last_attempt}")
        if waiting.delivery["state"] == "failed_terminal":
            raise CommandFailed(f"its receiver can't be told at all: {waiting.delivery['error']}\n{_UNREACHABLE}")
        if not _heard(api, drill):
            _say("", f"its receiver has not heard of it: {_UNREACHABLE}")
        _say("", f"next attempt {waiting.delivery['nextAttemptAt']}")
        api.ask("POST", f"/v1/drills/{drill['id']}:repair", {})
        _say("repaired", "the receiver takes what it is told from now on")
        told = _wait(
            api, incident, _TOLD_SECONDS, lambda delivery: delivery["state"] in {"delivered", "failed_terminal"}
        )
        if told.delivery["state"] != "delivered":
            raise CommandFailed(f"it was given up: {told.delivery['error']}\n{_UNREACHABLE}")
        if not _heard(api, drill):
            raise CommandFailed(f"something else took it: its receiver has not heard of it\n{_UNREACHABLE}")
        _say("3 told", f"the packet says: {told.alert_state}. {told.next_action}")
        _say("", f"delivery {told.delivery['id']}, attempt {told.last_attempt}")
        _say("", f"provider id {told.delivery['providerId']}")
    seconds = time.monotonic() - began
    print(
        f"\nThe signal landed, the incident opened, and its route was told, after it was not: {seconds:.1f} s in all."
    )
    return Exit.OK


def _heard(api: _Api, drill: dict[str, Any]) -> bool:
    """Tell whether anything came to its receiver so far."""
    return bool(api.ask("GET", f"/v1/drills/{drill['id']}").get("receivedCount"))


def _fail(api: _Api, drill: dict[str, Any]) -> str:
    """Let a run of the drill's monitor start and fail; return the incident's id."""
    key, run = drill["token"], {"monitorId": drill["monitorId"], "externalRunId": f"drill-{drill['id']}"}
    started = api.ask("POST", "/v1/runs/start", run, key)
    _say("started", f"run {started['run']['id']}, request {started['requestId']}")
    words = {"summary": "Failed on purpose: a drill", "exitCode": 1}
    failed = api.ask("POST", f"/v1/runs/{started['run']['id']}/fail", words, key)
    _say("1 landed", f"its failure, request {failed['requestId']}")
    if "incident" not in failed:
        raise CommandFailed("the failure landed, and no incident opened")
    _say("2 opened", f"incident {failed['incident']['id']}, {failed['incident']['kind']}")
    return str(failed["incident"]["id"])


@dataclass(frozen=True)
class _Seen:
    """What the packet says of the drill's delivery."""

    alert_state: str
    next_action: str
    delivery: dict[str, Any]

    @property
    def last_attempt(self) -> str:
        """Tell of the newest attempt, or that there is none."""
        if not self.delivery["attempts"]:
            return "none"
        last = self.delivery["attempts"][-1]
        status = f" {last['httpStatus']}" if last["httpStatus"] else ""
        return f"{last['number']}: {last['outcome']}{status}"


def _wait(api: _Api, incident: str, seconds: float, holds: Callable[[dict[str, Any]], bool]) -> _Seen:
    """Read the packet until its delivery is as wished and no attempt is in flight."""
    deadline = time.monotonic() + seconds
    while True:
        packet = api.ask("GET", f"/v1/incidents/{quote(incident)}/packet")
        deliveries = [each for route in packet["ownerRoute"]["routes"] for each in route["deliveries"]]
        if not deliveries:
            until = packet["incident"]["tellAt"]
            quiet = f": it is a quiet time until {until}; drill again after it" if until else ""
            raise CommandFailed(f"the incident opened, and nobody is to be told of it{quiet}")
        seen = _Seen(packet["alertState"], packet["ownerRoute"]["nextAction"], deliveries[-1])
        if seen.delivery["state"] != "sending" and holds(seen.delivery):
            return seen
        if time.monotonic() > deadline:
            state, error = seen.delivery["state"], seen.delivery["error"]
            why = f": {error}\n{_UNREACHABLE}" if error else "; does a worker run (`luota-svc work`)?"
            raise CommandFailed(f"after {seconds:.0f} s the delivery is still {state}{why}")
        time.sleep(_LOOK_SECONDS)


_UNREACHABLE: Final = (
    "LUOTA_PUBLIC_URL must lead from the workers to Luota's own HTTP door, and be the same for all its processes"
)


@contextlib.contextmanager
def _standing(api: _Api, workspace: str) -> Iterator[dict[str, Any]]:
    """Start a drill, and remove what it made, also after Ctrl-C."""
    drill = api.ask("POST", f"/v1/workspaces/{quote(workspace)}/drills", {})
    _say("made", f"drill {drill['id']}: monitor {drill['monitorId']}, route {drill['routeId']}")
    try:
        yield drill
    finally:
        _end(api, drill)


def _end(api: _Api, drill: dict[str, Any]) -> None:
    deadline = time.monotonic() + _END_SECONDS
    while True:
        try:
            api.ask("DELETE", f"/v1/drills/{drill['id']}")
        except _Refused as error:
            if error.status != 409 or time.monotonic() > deadline:
                _say("left", f"it could not be removed ({error}); Luota removes it at {drill['expiresAt']}")
                return
        except CommandFailed as error:
            _say("left", f"it could not be removed ({error}); Luota removes it at {drill['expiresAt']}")
            return
        else:
            _say("removed", "monitor and route; the incident, its deliveries and its packet stay")
            return
        time.sleep(_LOOK_SECONDS)


def _say(word: str, text: str) -> None:
    print(f"  {word:<9} {text}", flush=True)
