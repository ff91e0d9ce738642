"""Alerts as the composer freezes them, for looking at and for sending."""

from __future__ import annotations

import copy
import json
from typing import Any

DELIVERY = "0197b2c4-0000-7000-8000-00000000d001"
INCIDENT = "0197b2c4-0000-7000-8000-00000000a001"

_OPENED: dict[str, Any] = {
    "incidentId": INCIDENT,
    "subject": "[critical] nightly-backup: failed with exit code 1",
    "text": "Failed: the run backup-2026-05-25 ended with exit code 1.\n\nOwner: Data platform\n",
    "monitorName": "nightly-backup",
    "metadata": {
        "format": "luota.alert/1",
        "reason": "opened",
        "deliveryId": DELIVERY,
        "sequence": 1,
        "workspaceId": "0197b2c4-0000-7000-8000-00000000b001",
        "requestId": "req-01JZ0000000000000000000001",
        "kind": "failed",
        "state": "open",
        "severity": "critical",
        "openedAt": "2026-05-25T00:07:41.120Z",
        "acknowledgedAt": None,
        "resolvedAt": None,
        "durationSeconds": None,
        "occurrenceCount": 1,
        "firstWord": True,
        "brokenPromise": "Failed: the run ended with exit code 1, due every day at 02:00 Europe/Helsinki (23:00 UTC).",
        "whatToDo": "Mend why it failed, then run it again on backup-7c9d8. The next success ends this.",
        "lastGoodSignal": {
            "type": "success",
            "receivedAt": "2026-05-23T23:12:09.004Z",
            "requestId": "req-01JZ0000000000000000000000",
        },
        "monitor": {
            "id": "0197b2c4-0000-7000-8000-00000000c001",
            "slug": "nightly-backup",
            "name": "nightly-backup",
            "owner": "Data platform, +358 40 123 4567",
            "runbookUrl": "https://wiki.example.org/runbooks/nightly-backup?step=1&then=2",
            "environment": "production",
            "promise": "Every night by 03:00 the database stands in cold storage.",
            "tags": {"team": "data"},
        },
        "run": {
            "id": "0197b2c4-0000-7000-8000-00000000e001",
            "externalRunId": "backup-2026-05-25",
            "state": "failed",
            "startedAt": "2026-05-24T23:00:03.551Z",
            "summary": "Upload stopped after 41 of 96 GiB",
            "exitCode": 1,
            "outputTail": "23:58:02 part 412 of 960 sent\n23:58:40 part 413: 403 Forbidden <AccessDenied>\n"
            "23:58:40 giving up after 5 tries\n",
            "deploySha": "9f2c41d",
            "host": "backup-7c9d8-x2x4k",
            "environment": "production",
        },
        "changes": [
            {
                "at": "2026-05-24T14:20:00.000Z",
                "actor": "Olga",
                "action": "monitor.update",
                "what": "changed the grace from 10 min to 5 min",
            }
        ],
        "links": {
            "incident": f"https://luota.example.org/incidents/{INCIDENT}",
            "packet": f"https://luota.example.org/v1/incidents/{INCIDENT}/packet",
            "runbook": "https://wiki.example.org/runbooks/nightly-backup?step=1&then=2",
        },
        "evidenceDigest": "sha256:" + "ab" * 32,
        "route": {"id": "0197b2c4-0000-7000-8000-00000000f001", "name": "On-call by e-mail"},
        "failedRoute": None,
        "furtherIncidents": [],
    },
}


def opened(**metadata: Any) -> dict[str, Any]:
    """Return the alert of a job that failed, with some of its metadata changed."""
    made = copy.deepcopy(_OPENED)
    made["metadata"].update(metadata)
    return made


def resolved() -> dict[str, Any]:
    """Return the word that it is over, the first that reached the route."""
    made = opened(
        reason="resolved", state="resolved", acknowledgedAt="2026-05-25T00:30:00.000Z",
        resolvedAt="2026-05-25T02:20:41.000Z", durationSeconds=7_980, whatToDo=None,
    )  # fmt: skip
    made["subject"] = "[resolved] nightly-backup: failed for 2 h 13 min"
    return made


def storm(count: int = 200) -> dict[str, Any]:
    """Return one alert that names `count` incidents."""
    severities = ("critical", "error", "warning", "info")
    made = opened(
        furtherIncidents=[
            {
                "incidentId": f"0197b2c4-0000-7000-8000-{number:012x}",
                "monitorName": f"import-of-customer-{number:03}",
                "kind": "missed",
                "severity": severities[number % 4],
                "state": "resolved" if number % 10 == 0 else "open",
                "subject": f"[{severities[number % 4]}] import-of-customer-{number:03}: never started (missed)",
                "openedAt": "2026-05-25T00:08:00.000Z",
                "resolvedAt": None,
                "url": f"https://luota.example.org/incidents/0197b2c4-0000-7000-8000-{number:012x}",
            }
            for number in range(1, count)
        ]
    )
    made["subject"] = f"[critical] {count} incidents: nightly-backup and {count - 1} more"
    return made


def route_failure() -> dict[str, Any]:
    """Return the word to the fallback route that another route does not deliver."""
    made = opened(
        reason="route_failure",
        whatToDo="Tell those who read there, or take the incidents yourself. Repair the route, then send a test alert"
        " through it; Luota goes on trying meanwhile.",
        failedRoute={
            "id": "0197b2c4-0000-7000-8000-00000000f002",
            "name": "Pager of the night shift",
            "kind": "webhook",
            "error": "pager.example.org answered 503 Service Unavailable",
            "since": "2026-05-25T00:08:02.000Z",
        },
    )
    made["subject"] = "[critical] Route 'Pager of the night shift' does not deliver: nightly-backup is untold"
    return made


def test_alert() -> dict[str, Any]:
    """Return an alert about nothing: it proves a route."""
    made = opened(
        reason="test", kind=None, state=None, severity="info", openedAt=None, occurrenceCount=None, brokenPromise=None,
        whatToDo=None,
        lastGoodSignal=None, monitor=None, run=None, changes=[], evidenceDigest=None,
        links={"incident": None, "packet": None, "runbook": None},
    )  # fmt: skip
    made["incidentId"] = made["monitorName"] = None
    made["subject"] = "[test] On-call by e-mail works"
    made["text"] = "This is a test. Nothing is wrong.\n"
    return made


test_alert.__test__ = False  # type: ignore[attr-defined]  # no test: an alert that is one


def frozen(alert: dict[str, Any]) -> bytes:
    """Return the bytes that a dispatch carries."""
    return json.dumps(alert, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
