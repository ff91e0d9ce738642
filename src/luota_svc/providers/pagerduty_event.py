"""An alert as the events that PagerDuty takes: which action, under which key, within its bounds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

Alert = dict[str, Any]
Event = dict[str, Any]

# PagerDuty's bounds (its developer documentation: Events API v2).
_SUMMARY_MOST: Final = 1_024
_EVENT_BYTES_MOST: Final = 512_000
_SOURCE_MOST: Final = 255
# What is left of the text where the whole is too large.
_TEXT_MOST: Final = 20_000

TRIGGER: Final = "trigger"
ACKNOWLEDGE: Final = "acknowledge"
RESOLVE: Final = "resolve"


def events_of(alert: Alert, routing_key: str) -> list[Event]:
    """Return the events of an alert, the main incident's first and in order; never none.

    An incident's key is its id, so later events meet the first. What was acknowledged before PagerDuty heard of it is
    triggered, then acknowledged: it drops an acknowledgement of what it does not know. A test has a key of its own and
    stays until somebody resolves it there: that a person did is the whole proof.
    """
    about = alert["metadata"]
    key = alert["incidentId"] or f"{about['reason']}-{about['deliveryId']}"
    events = [_event(action, key, routing_key, alert) for action in _actions(about)]
    events += [_further_event(further, about, routing_key) for further in about["furtherIncidents"]]
    return events


def _actions(about: dict[str, Any]) -> list[str]:
    if about["reason"] == "resolved" or about["state"] == "resolved":
        return [RESOLVE]
    if about["state"] != "acknowledged" or about["reason"] == "route_failure":
        return [TRIGGER]
    return [TRIGGER, ACKNOWLEDGE] if about["firstWord"] else [ACKNOWLEDGE]


def _event(action: str, key: str, routing_key: str, alert: Alert) -> Event:
    event: Event = {"routing_key": routing_key, "event_action": action, "dedup_key": key}
    if action != TRIGGER:
        return event
    about = alert["metadata"]
    monitor, run, links = about["monitor"] or {}, about["run"] or {}, about["links"]
    event["payload"] = {
        "summary": _cut(alert["subject"], _SUMMARY_MOST),
        "source": _cut(run.get("host") or monitor.get("slug") or alert["monitorName"] or "luota", _SOURCE_MOST),
        "severity": about["severity"],
        **_where_known("timestamp", about["openedAt"]),
        **_where_known("component", monitor.get("slug")),
        **_where_known("group", monitor.get("environment")),
        **_where_known("class", about["kind"]),
        "custom_details": _details(alert),
    }
    event["client"] = "Luota"
    event |= _where_known("client_url", links["incident"])
    event["links"] = list(_links(links))
    return _within_bounds(event, alert)


def _further_event(further: dict[str, Any], about: dict[str, Any], routing_key: str) -> Event:
    """Return the event of an incident of which an alert holds no more than a line."""
    ends = further["state"] == "resolved" or about["reason"] == "resolved"
    event: Event = {
        "routing_key": routing_key,
        "event_action": RESOLVE if ends else TRIGGER,
        "dedup_key": further["incidentId"],
    }
    if not ends:
        event["payload"] = {
            "summary": _cut(further["subject"], _SUMMARY_MOST),
            "source": _cut(further["monitorName"] or "luota", _SOURCE_MOST),
            "severity": further["severity"],
            **_where_known("timestamp", further["openedAt"]),
            **_where_known("class", further["kind"]),
        }
        event["client"] = "Luota"
        event |= _where_known("client_url", further["url"])
    return event


def _details(alert: Alert) -> dict[str, Any]:
    about = alert["metadata"]
    monitor = about["monitor"] or {}
    details = {
        "broken promise": about["brokenPromise"],
        "owner": monitor.get("owner"),
        "last good signal": about["lastGoodSignal"],
        "run": about["run"],
        "changed lately": about["changes"],
        "occurrences": about["occurrenceCount"],
        "failed route": about["failedRoute"],
        "tags": monitor.get("tags"),
        "text": alert["text"],
        "request id": about["requestId"],
        "delivery id": about["deliveryId"],
        "evidence digest": about["evidenceDigest"],
    }
    return {name: value for name, value in details.items() if value}


def _links(links: dict[str, str | None]) -> Iterator[dict[str, str]]:
    names = {"incident": "Incident in Luota", "packet": "Evidence packet", "runbook": "Runbook"}
    for key, name in names.items():
        if (url := links[key]) is not None:
            yield {"href": url, "text": name}


def _within_bounds(event: Event, alert: Alert) -> Event:
    """Leave out details, the packet has them, where PagerDuty would refuse the whole event for its size."""
    if len(json.dumps(event, ensure_ascii=False).encode()) > _EVENT_BYTES_MOST:
        kept = ("broken promise", "owner", "request id", "delivery id")
        details = event["payload"]["custom_details"]
        shorter = {name: details[name] for name in kept if name in details}
        event["payload"]["custom_details"] = {**shorter, "text": _cut(alert["text"], _TEXT_MOST)}
    return event


def _where_known(name: str, value: str | None) -> dict[str, str]:
    return {name: value} if value else {}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
