import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IncidentKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INCIDENT_KIND_UNSPECIFIED: _ClassVar[IncidentKind]
    INCIDENT_KIND_FAILED: _ClassVar[IncidentKind]
    INCIDENT_KIND_MISSED: _ClassVar[IncidentKind]
    INCIDENT_KIND_LATE: _ClassVar[IncidentKind]
    INCIDENT_KIND_SLOW: _ClassVar[IncidentKind]
    INCIDENT_KIND_FAST: _ClassVar[IncidentKind]
    INCIDENT_KIND_STUCK: _ClassVar[IncidentKind]
    INCIDENT_KIND_STALE: _ClassVar[IncidentKind]

class IncidentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INCIDENT_STATE_UNSPECIFIED: _ClassVar[IncidentState]
    INCIDENT_STATE_OPEN: _ClassVar[IncidentState]
    INCIDENT_STATE_ACKNOWLEDGED: _ClassVar[IncidentState]
    INCIDENT_STATE_RESOLVED: _ClassVar[IncidentState]

class TimelineEvent(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIMELINE_EVENT_UNSPECIFIED: _ClassVar[TimelineEvent]
    TIMELINE_EVENT_OPENED: _ClassVar[TimelineEvent]
    TIMELINE_EVENT_OCCURRENCE: _ClassVar[TimelineEvent]
    TIMELINE_EVENT_ACKNOWLEDGED: _ClassVar[TimelineEvent]
    TIMELINE_EVENT_ACKNOWLEDGEMENT_ENDED: _ClassVar[TimelineEvent]
    TIMELINE_EVENT_ASSIGNED: _ClassVar[TimelineEvent]
    TIMELINE_EVENT_NOTE: _ClassVar[TimelineEvent]
    TIMELINE_EVENT_QUIET_ENDED: _ClassVar[TimelineEvent]
    TIMELINE_EVENT_DELIVERY_CHANGED: _ClassVar[TimelineEvent]
    TIMELINE_EVENT_RECOVERED: _ClassVar[TimelineEvent]
    TIMELINE_EVENT_RESOLVED: _ClassVar[TimelineEvent]

class AlertState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_STATE_UNSPECIFIED: _ClassVar[AlertState]
    ALERT_STATE_DELIVERED: _ClassVar[AlertState]
    ALERT_STATE_MUTED: _ClassVar[AlertState]
    ALERT_STATE_NO_ROUTE: _ClassVar[AlertState]
    ALERT_STATE_RETRYING: _ClassVar[AlertState]
    ALERT_STATE_BLOCKED: _ClassVar[AlertState]
    ALERT_STATE_UNPROVEN: _ClassVar[AlertState]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_INFO: _ClassVar[Severity]
    SEVERITY_WARNING: _ClassVar[Severity]
    SEVERITY_ERROR: _ClassVar[Severity]
    SEVERITY_CRITICAL: _ClassVar[Severity]
INCIDENT_KIND_UNSPECIFIED: IncidentKind
INCIDENT_KIND_FAILED: IncidentKind
INCIDENT_KIND_MISSED: IncidentKind
INCIDENT_KIND_LATE: IncidentKind
INCIDENT_KIND_SLOW: IncidentKind
INCIDENT_KIND_FAST: IncidentKind
INCIDENT_KIND_STUCK: IncidentKind
INCIDENT_KIND_STALE: IncidentKind
INCIDENT_STATE_UNSPECIFIED: IncidentState
INCIDENT_STATE_OPEN: IncidentState
INCIDENT_STATE_ACKNOWLEDGED: IncidentState
INCIDENT_STATE_RESOLVED: IncidentState
TIMELINE_EVENT_UNSPECIFIED: TimelineEvent
TIMELINE_EVENT_OPENED: TimelineEvent
TIMELINE_EVENT_OCCURRENCE: TimelineEvent
TIMELINE_EVENT_ACKNOWLEDGED: TimelineEvent
TIMELINE_EVENT_ACKNOWLEDGEMENT_ENDED: TimelineEvent
TIMELINE_EVENT_ASSIGNED: TimelineEvent
TIMELINE_EVENT_NOTE: TimelineEvent
TIMELINE_EVENT_QUIET_ENDED: TimelineEvent
TIMELINE_EVENT_DELIVERY_CHANGED: TimelineEvent
TIMELINE_EVENT_RECOVERED: TimelineEvent
TIMELINE_EVENT_RESOLVED: TimelineEvent
ALERT_STATE_UNSPECIFIED: AlertState
ALERT_STATE_DELIVERED: AlertState
ALERT_STATE_MUTED: AlertState
ALERT_STATE_NO_ROUTE: AlertState
ALERT_STATE_RETRYING: AlertState
ALERT_STATE_BLOCKED: AlertState
ALERT_STATE_UNPROVEN: AlertState
SEVERITY_UNSPECIFIED: Severity
SEVERITY_INFO: Severity
SEVERITY_WARNING: Severity
SEVERITY_ERROR: Severity
SEVERITY_CRITICAL: Severity

class Incident(_message.Message):
    __slots__ = ("id", "monitor_id", "kind", "state", "severity", "opened_at", "acknowledged_at", "resolved_at", "resolution", "root_run_id", "request_id", "occurrence_count", "previous_incident_id", "alert_state", "url", "version", "reason", "expected_at", "deadline_at", "acknowledged_until", "acknowledged_by", "assignee", "muted", "tell_at", "event_count")
    ID_FIELD_NUMBER: _ClassVar[int]
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_AT_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_AT_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    ROOT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_INCIDENT_ID_FIELD_NUMBER: _ClassVar[int]
    ALERT_STATE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_AT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_AT_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_BY_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    MUTED_FIELD_NUMBER: _ClassVar[int]
    TELL_AT_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    id: str
    monitor_id: str
    kind: IncidentKind
    state: IncidentState
    severity: Severity
    opened_at: _timestamp_pb2.Timestamp
    acknowledged_at: _timestamp_pb2.Timestamp
    resolved_at: _timestamp_pb2.Timestamp
    resolution: str
    root_run_id: str
    request_id: str
    occurrence_count: int
    previous_incident_id: str
    alert_state: AlertState
    url: str
    version: int
    reason: str
    expected_at: _timestamp_pb2.Timestamp
    deadline_at: _timestamp_pb2.Timestamp
    acknowledged_until: _timestamp_pb2.Timestamp
    acknowledged_by: str
    assignee: str
    muted: bool
    tell_at: _timestamp_pb2.Timestamp
    event_count: int
    def __init__(self, id: _Optional[str] = ..., monitor_id: _Optional[str] = ..., kind: _Optional[_Union[IncidentKind, str]] = ..., state: _Optional[_Union[IncidentState, str]] = ..., severity: _Optional[_Union[Severity, str]] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., acknowledged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolved_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolution: _Optional[str] = ..., root_run_id: _Optional[str] = ..., request_id: _Optional[str] = ..., occurrence_count: _Optional[int] = ..., previous_incident_id: _Optional[str] = ..., alert_state: _Optional[_Union[AlertState, str]] = ..., url: _Optional[str] = ..., version: _Optional[int] = ..., reason: _Optional[str] = ..., expected_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deadline_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., acknowledged_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., acknowledged_by: _Optional[str] = ..., assignee: _Optional[str] = ..., muted: _Optional[bool] = ..., tell_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event_count: _Optional[int] = ...) -> None: ...

class IncidentEvent(_message.Message):
    __slots__ = ("incident_id", "number", "event", "at", "actor", "request_id", "run_id", "signal_id", "occurrence_number", "detail")
    INCIDENT_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    incident_id: str
    number: int
    event: TimelineEvent
    at: _timestamp_pb2.Timestamp
    actor: str
    request_id: str
    run_id: str
    signal_id: str
    occurrence_number: int
    detail: str
    def __init__(self, incident_id: _Optional[str] = ..., number: _Optional[int] = ..., event: _Optional[_Union[TimelineEvent, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., request_id: _Optional[str] = ..., run_id: _Optional[str] = ..., signal_id: _Optional[str] = ..., occurrence_number: _Optional[int] = ..., detail: _Optional[str] = ...) -> None: ...
