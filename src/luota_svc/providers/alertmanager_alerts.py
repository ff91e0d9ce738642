"""An alert as Alertmanager's: labels that stay the same while an incident lives, annotations for people, an end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from luota_svc.model.refreshing import Standing

_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9_]")
_TEXT_MOST: Final = 4_000
_LABEL_MOST: Final = 1_000


def alerts_of(document: dict[str, Any], *, ends_at: datetime) -> list[dict[str, Any]]:
    """Return one alert for each incident of a frozen alert; what stands ends at `ends_at` unless it is said again.

    A test has no incident and no end: it is gone when Alertmanager's own `resolve_timeout` has passed.
    """
    return [_main_alert(document, ends_at), *(_further_alert(document, one, ends_at) for one in _further(document))]


def standing_alerts(standing: Iterable[Standing], *, ends_at: datetime) -> list[dict[str, Any]]:
    """Return the alerts of incidents to be said again, each with its own end where it is over."""
    alerts = []
    for one in standing:
        document, incident_id = json.loads(one.content), str(one.incident_id)
        for alert in alerts_of(document, ends_at=ends_at):
            if alert["labels"]["incident_id"] == incident_id:
                alert["endsAt"] = _text(one.resolved_at or ends_at)
                alerts.append(alert)
    return alerts


def _main_alert(document: dict[str, Any], ends_at: datetime) -> dict[str, Any]:
    about = document["metadata"]
    monitor = about["monitor"] or {}
    own = {
        "alertname": _alert_name(about["reason"], about["kind"]),
        "incident_id": document["incidentId"] or f"{about['reason']}-{about['deliveryId']}",
        "monitor": monitor.get("slug") or document["monitorName"],
        "workspace": about["workspaceId"],
        "severity": about["severity"],
        "kind": about["kind"],
        "environment": monitor.get("environment"),
        "failed_route": (about["failedRoute"] or {}).get("name"),
    }
    annotations = {
        "summary": document["subject"],
        "description": document["text"],
        "runbook_url": about["links"]["runbook"],
        "packet": about["links"]["packet"],
        "owner": monitor.get("owner"),
        "request_id": about["requestId"],
        "delivery_id": about["deliveryId"],
    }
    alert: dict[str, Any] = {
        "labels": _labels(own, monitor.get("tags") or {}),
        "annotations": _known(annotations, _TEXT_MOST),
        **_span(about["openedAt"], about["resolvedAt"], ends_at if document["incidentId"] else None),
    }
    if (url := about["links"]["packet"] or about["links"]["incident"]) is not None:
        alert["generatorURL"] = url
    return alert


def _further_alert(document: dict[str, Any], further: dict[str, Any], ends_at: datetime) -> dict[str, Any]:
    about = document["metadata"]
    own = {
        "alertname": _alert_name(about["reason"], further["kind"]),
        "incident_id": further["incidentId"],
        "monitor": further["monitorName"],
        "workspace": about["workspaceId"],
        "severity": further["severity"],
        "kind": further["kind"],
        "failed_route": (about["failedRoute"] or {}).get("name"),
    }
    alert: dict[str, Any] = {
        "labels": _labels(own, {}),
        "annotations": _known({"summary": further["subject"], "delivery_id": about["deliveryId"]}, _TEXT_MOST),
        **_span(further["openedAt"], further["resolvedAt"], ends_at),
    }
    if further["url"] is not None:
        alert["generatorURL"] = further["url"]
    return alert


def _further(document: dict[str, Any]) -> list[dict[str, Any]]:
    further: list[dict[str, Any]] = document["metadata"]["furtherIncidents"]
    return further


def _alert_name(reason: str, kind: str | None) -> str:
    if reason == "route_failure":
        return "LuotaRouteFailure"
    return f"Luota{(kind or reason).title().replace('_', '')}"


def _labels(own: Mapping[str, str | None], tags: Mapping[str, str]) -> dict[str, str]:
    """Return labels; a monitor's tags join them under names that Alertmanager takes, and never replace one of ours."""
    labels: dict[str, str] = {}
    for name, value in sorted(tags.items()):
        labels.setdefault(_label_name(name), value)
    return _known({**labels, **{name: value for name, value in own.items() if value}}, _LABEL_MOST)


def _label_name(name: str) -> str:
    """Spell a tag's name as a label's: letters, digits and underscores, no digit first, no two underscores before."""
    spelt = _NOT_IN_NAMES.sub("_", name).lstrip("_") or "tag"
    return f"tag_{spelt}" if spelt[0].isdigit() else spelt


def _known(words: Mapping[str, str | None], most: int) -> dict[str, str]:
    """Return what is not empty: to Alertmanager an empty label is none."""
    return {name: value if len(value) <= most else value[: most - 1] + "…" for name, value in words.items() if value}


def _span(opened_at: str | None, resolved_at: str | None, ends_at: datetime | None) -> dict[str, str]:
    span = {} if opened_at is None else {"startsAt": opened_at}
    if resolved_at is not None:
        span["endsAt"] = resolved_at
    elif ends_at is not None:
        span["endsAt"] = _text(ends_at)
    return span


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
