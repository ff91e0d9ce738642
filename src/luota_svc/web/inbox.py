"""The pages of the development inbox: what was told, newest first, and one message whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote
from typing import Any, Final, Protocol
from uuid import UUID

from luota_svc.model.inbox import InboxMessage
from luota_svc.web.pages import Answer, Page, render

_SEVERITIES: Final = frozenset({"critical", "error", "warning", "info"})
_REASONS: Final = {
    "opened": "opened",
    "reminder": "reminder",
    "resolved": "resolved",
    "escalation": "escalation",
    "route_failure": "a route fails",
    "test": "test",
    "drill": "drill",
}


class Messages(Protocol):
    """Where the messages come from: the core."""

    async def newest(self) -> list[InboxMessage]:
        """Return the newest messages, newest first."""
        ...

    async def get(self, message_id: UUID) -> InboxMessage | None:
        """Return one, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """A message in the words of its page. An alert that can't be read is shown as it came."""

    id: str
    subject: str
    text: str
    severity: str
    state: str
    reason: str
    since: datetime | None
    received_at: datetime
    route: str
    request_id: str
    delivery_id: str
    incident_id: str
    further: int
    raw: str


def inbox_pages(messages: Messages, *, now: Callable[[], datetime], origin: str, dev_file: str) -> dict[str, Page]:
    """Return path -> page. `origin` is what jobs report to, `dev_file` where their keys stand: no page shows a key."""
    lines = {"failing": _try_line(origin, dev_file, 1), "succeeding": _try_line(origin, dev_file, 0)}

    def show(template: str, **words: Any) -> Answer:
        return render(template, 200, now=now(), ago=_ago, instant=_instant, **words)

    async def listing(_captured: dict[str, str]) -> Answer:
        return show("inbox.html", messages=[_shown(message) for message in await messages.newest()], **lines)

    async def one(captured: dict[str, str]) -> Answer:
        message = await messages.get(UUID(captured["message_id"]))
        return render("gone.html", 404) if message is None else show("message.html", message=_shown(message))

    return {"/inbox": listing, "/inbox/{message_id:id}": one}


def _try_line(origin: str, dev_file: str, exit_code: int) -> str:
    """Return a line that works as pasted; the key is read where it stands."""
    read_key = 'import json, sys; print(json.load(open(sys.argv[1]))["workspaceKey"])'
    return (
        f"KEY=$(python3 -c '{read_key}' {quote(dev_file)})\n"
        f'curl -sS {origin}/v1/runs/finish -H "X-Luota-Key: $KEY" \\\n'
        f'  -d \'{{"monitorId":"nightly-backup","externalRunId":"try-\'$(date +%s)\'","exitCode":{exit_code}}}\''
    )


def _shown(message: InboxMessage) -> Shown:
    raw = message.content.decode("utf-8", "replace")
    try:
        alert = json.loads(raw)
    except ValueError:
        alert = None
    alert = alert if isinstance(alert, dict) else {}
    metadata = _mapping(alert.get("metadata"))
    severity = _text(metadata.get("severity"))
    further = metadata.get("furtherIncidents")
    return Shown(
        id=str(message.id),
        subject=_text(alert.get("subject")) or "An alert without a subject",
        text=_text(alert.get("text")) or raw,
        severity=severity if severity in _SEVERITIES else "info",
        state=_text(metadata.get("state")),
        reason=_REASONS.get(_text(metadata.get("reason")), ""),
        since=_instant_of(metadata.get("openedAt")),
        received_at=message.received_at,
        route=_text(_mapping(metadata.get("route")).get("name")),
        request_id=message.request_id or _text(metadata.get("requestId")),
        delivery_id=str(message.delivery_id),
        incident_id=_text(alert.get("incidentId")),
        further=len(further) if isinstance(further, list) else 0,
        raw=json.dumps(alert, indent=2, ensure_ascii=False) if alert else raw,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _instant_of(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _ago(at: datetime, now: datetime) -> str:
    """Return how long ago an instant was, in the two largest units that say enough."""
    seconds = max(0, int((now - at).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "just now" if seconds < 10 else f"{seconds // 10 * 10} s ago"
