"""What operators do with an incident, and every way in which they are refused, through both doors."""

from __future__ import annotations

from typing import Any, Final

from tests.doors.case import Case
from tests.doors.refusal_words import NOT_FOUND, invalid

STALE: Final[dict[str, Any]] = {
    "status": 409,
    "answer": '{"code":"conflict","error":"The incident was changed by somebody else; read it again"}',
    "code": "FAILED_PRECONDITION",
    "error": "The incident was changed by somebody else; read it again",
    "reason": "RESOURCE_CONFLICT",
}
ENDED: Final[dict[str, Any]] = {
    **STALE,
    "answer": '{"code":"conflict","error":"The incident has ended"}',
    "error": "The incident has ended",
}
NO_ROLE: Final[dict[str, Any]] = {
    "status": 403,
    "answer": '{"code":"permission_denied","error":"This needs the role operator"}',
    "code": "PERMISSION_DENIED",
    "error": "This needs the role operator",
    "reason": "PERMISSION_DENIED",
}
NO_TOKEN: Final[dict[str, Any]] = {
    "status": 401,
    "answer": '{"code":"unauthenticated","error":"Invalid operator token"}',
    "code": "UNAUTHENTICATED",
    "error": "Invalid operator token",
    "reason": "INVALID_OPERATOR_TOKEN",
}
LOST: Final = "is too old, or of another database than this: watch without one, then list again"
# What each verb is sent with: as JSON, and as fields of the message.
VERBS: Final = (
    ("acknowledge", "AcknowledgeIncident", '"note":"On it"', {"note": "On it"}),
    ("assign", "AssignIncident", '"assignee":"Olga"', {"assignee": "Olga"}),
    ("addNote", "AddNote", '"note":"Disk"', {"note": "Disk"}),
    ("resolve", "ResolveIncident", '"note":"Disk"', {"note": "Disk"}),
)


def incident(**changes: str) -> str:
    """An incident as JSON shows it: open, of the run monitor, unless something else is said."""
    fields = {
        "id": '"{incident}"',
        "monitorId": '"{run_monitor}"',
        "kind": '"failed"',
        "state": '"open"',
        "severity": '"error"',
        "openedAt": '"<at>"',
        "acknowledgedAt": "null",
        "resolvedAt": "null",
        "resolution": "null",
        "rootRunId": '"{run}"',
        "requestId": '"<req>"',
        "occurrenceCount": "1",
        "previousIncidentId": "null",
        "alertState": '"no_route"',
        "url": '"https://luota.example/incidents/{incident}"',
        "version": "1",
        "reason": '"failures"',
        "expectedAt": "null",
        "deadlineAt": "null",
        "acknowledgedUntil": "null",
        "acknowledgedBy": "null",
        "assignee": '""',
        "muted": "false",
        "tellAt": "null",
        "eventCount": "1",
    } | changes
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"


def steer(name: str, verb: int, more: str = "", bearer: str | None = "{operator}", **words: Any) -> Case:
    """One of the verbs on `{incident}`; `more` is further JSON, whose one field is the message's as well."""
    word, rpc, body, message = VERBS[verb]
    field, _, value = more.replace('"', "").partition(":")
    fields = {**message, "incident_id": "{incident}", **({field: value} if field else {})}
    return Case(
        name,
        http=f"POST /v1/incidents/{{incident}}:{word}",
        body="{" + ",".join(filter(None, (body, more))) + "}",
        rpc=f"IncidentService/{rpc}",
        message=fields,
        bearer=bearer,
        **{"before": ("failed",), **words},
    )


CASES: Final = [
    Case(
        "an incident is read with why it opened",
        http="GET /v1/incidents/{incident}",
        rpc="IncidentService/GetIncident",
        message={"incident_id": "{incident}"},
        bearer="{viewer}",
        before=("failed",),
        status=200,
        answer=incident(),
        reply={"reason": "failures", "event_count": 1},
    ),
    steer(
        "an incident is taken for a while",
        0,
        '"until":"2099-01-01T00:00:00Z"',
        status=200,
        answer=incident(
            state='"acknowledged"',
            acknowledgedAt='"<at>"',
            acknowledgedUntil='"2099-01-01T00:00:00.000Z"',
            acknowledgedBy='"operator"',
            version="2",
            eventCount="2",
        ),
        reply={"state": "INCIDENT_STATE_ACKNOWLEDGED", "acknowledged_by": "operator", "version": "2"},
    ),
    steer(
        "an incident that was taken is taken again by the same operator, who read the version before",
        0,
        '"version":1',
        before=("failed", "taken"),
        status=200,
        answer=incident(
            state='"acknowledged"', acknowledgedAt='"<at>"', acknowledgedBy='"operator"', version="2", eventCount="2"
        ),
        reply={"state": "INCIDENT_STATE_ACKNOWLEDGED", "version": "2"},
    ),
    steer(
        "an incident is given to somebody",
        1,
        status=200,
        answer=incident(assignee='"Olga"', version="2", eventCount="2"),
        reply={"assignee": "Olga"},
    ),
    steer(
        "a note is written",
        2,
        status=200,
        answer=incident(version="2", eventCount="2"),
        reply={"event_count": 2},
    ),
    steer(
        "an incident is ended by hand",
        3,
        status=200,
        answer=incident(state='"resolved"', resolvedAt='"<at>"', resolution='"by_hand"', version="2", eventCount="2"),
        reply={"state": "INCIDENT_STATE_RESOLVED", "resolution": "by_hand"},
    ),
    Case(
        "a timeline is read in order",
        http="GET /v1/incidents/{incident}/events",
        rpc="IncidentService/ListIncidentEvents",
        message={"incident_id": "{incident}"},
        bearer="{viewer}",
        before=("failed", "taken"),
        status=200,
        answer='{"events":[{"incidentId":"{incident}","number":1,"event":"opened","at":"<at>","actor":"rule",'
        '"requestId":"<req>","runId":"{run}","signalId":"<id>","occurrenceNumber":1,"detail":null},'
        '{"incidentId":"{incident}","number":2,"event":"acknowledged","at":"<at>","actor":"operator",'
        '"requestId":"<req>","runId":null,"signalId":null,"occurrenceNumber":null,"detail":null}],"nextPageToken":""}',
        reply={"events": [{"event": "TIMELINE_EVENT_OPENED"}, {"actor": "operator", "detail": None}]},
    ),
    Case(
        "the queue holds what stands and nobody has",
        http="GET /v1/workspaces/{workspace}/incidents?state=unresolved&severity=error&assignee="
        "&openedAfter=2020-01-01T00:00:00Z&openedBefore=2099-01-01T00:00:00Z",
        rpc="IncidentService/ListIncidents",
        message={"workspace_id": "{workspace}", "state": "INCIDENT_STATE_FILTER_UNRESOLVED", "assignee": ""},
        bearer="{viewer}",
        before=("failed",),
        status=200,
        answer='{"incidents":[' + incident() + '],"nextPageToken":""}',
        reply={"incidents": [{"id": "{incident}"}]},
    ),
    *(steer(f"{VERBS[verb][0]} over what somebody else changed", verb, '"version":7', **STALE) for verb in range(4)),
    *(
        steer(f"{VERBS[verb][0]} of an incident that has ended", verb, before=("failed", "ended"), **ENDED)
        for verb in range(2)
    ),
    *(steer(f"{VERBS[verb][0]} by a viewer", verb, bearer="{viewer}", **NO_ROLE) for verb in range(4)),
    *(steer(f"{VERBS[verb][0]} by a stranger", verb, bearer="{strange_admin}", **NOT_FOUND) for verb in range(4)),
    *(steer(f"{VERBS[verb][0]} without a token", verb, bearer=None, **NO_TOKEN) for verb in range(4)),
    steer(
        "an acknowledgement that ends before it begins",
        0,
        '"until":"2020-01-01T00:00:00Z"',
        **invalid("until: must be in the future", "until", "must be in the future"),
    ),
    Case(
        "a note without words",
        http="POST /v1/incidents/{incident}:addNote",
        body='{"note":" "}',
        rpc="IncidentService/AddNote",
        message={"incident_id": "{incident}", "note": " "},
        bearer="{operator}",
        before=("failed",),
        **invalid("note: is required", "note", "is required"),
    ),
    Case(
        "an assignee with too long a name",
        http="POST /v1/incidents/{incident}:assign",
        body='{"assignee":"' + "x" * 201 + '"}',
        rpc="IncidentService/AssignIncident",
        message={"incident_id": "{incident}", "assignee": "x" * 201},
        bearer="{operator}",
        before=("failed",),
        **invalid("assignee: must be at most 200 characters", "assignee", "must be at most 200 characters"),
    ),
    Case(
        "a timeline's page token of another list",
        http="GET /v1/incidents/{incident}/events?pageToken=abc",
        rpc="IncidentService/ListIncidentEvents",
        message={"incident_id": "{incident}", "page_token": "abc"},
        bearer="{viewer}",
        before=("failed",),
        **invalid("pageToken: is none of this list", "pageToken", "is none of this list"),
    ),
    Case(
        "watching without a token",
        http="GET /v1/workspaces/{workspace}/incidents:watch",
        rpc="IncidentService/WatchIncidents",
        message={"workspace_id": "{workspace}"},
        **NO_TOKEN,
    ),
    Case(
        "watching a workspace of others",
        http="GET /v1/workspaces/{strange_workspace}/incidents:watch",
        rpc="IncidentService/WatchIncidents",
        message={"workspace_id": "{strange_workspace}"},
        bearer="{admin}",
        **NOT_FOUND,
    ),
    Case(
        "watching an incident that is none",
        http="GET /v1/workspaces/{workspace}/incidents:watch?incidentId={nobody}",
        rpc="IncidentService/WatchIncidents",
        message={"workspace_id": "{workspace}", "incident_id": "{nobody}"},
        bearer="{viewer}",
        **NOT_FOUND,
    ),
    *(
        Case(
            f"watching from {name}",
            http="GET /v1/workspaces/{workspace}/incidents:watch?cursor=" + cursor,
            rpc="IncidentService/WatchIncidents",
            message={"workspace_id": "{workspace}", "cursor": cursor},
            bearer="{viewer}",
            **invalid(f"cursor: {problem}", "cursor", problem),
        )
        for name, cursor, problem in (
            ("a word", "hello", "is none of ours"),
            ("a cursor of another database", "WyI3LjEiLDEsMCw0MTAyNDQ0ODAwXQ", LOST),
        )
    ),
]
