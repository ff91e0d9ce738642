import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from luota.v1 import incidents_pb2 as _incidents_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IncidentStateFilter(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INCIDENT_STATE_FILTER_UNSPECIFIED: _ClassVar[IncidentStateFilter]
    INCIDENT_STATE_FILTER_OPEN: _ClassVar[IncidentStateFilter]
    INCIDENT_STATE_FILTER_ACKNOWLEDGED: _ClassVar[IncidentStateFilter]
    INCIDENT_STATE_FILTER_RESOLVED: _ClassVar[IncidentStateFilter]
    INCIDENT_STATE_FILTER_UNRESOLVED: _ClassVar[IncidentStateFilter]
INCIDENT_STATE_FILTER_UNSPECIFIED: IncidentStateFilter
INCIDENT_STATE_FILTER_OPEN: IncidentStateFilter
INCIDENT_STATE_FILTER_ACKNOWLEDGED: IncidentStateFilter
INCIDENT_STATE_FILTER_RESOLVED: IncidentStateFilter
INCIDENT_STATE_FILTER_UNRESOLVED: IncidentStateFilter

class ListIncidentsRequest(_message.Message):
    __slots__ = ("workspace_id", "state", "monitor_id", "kind", "page_size", "page_token", "severity", "assignee", "opened_after", "opened_before")
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    OPENED_AFTER_FIELD_NUMBER: _ClassVar[int]
    OPENED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    workspace_id: str
    state: IncidentStateFilter
    monitor_id: str
    kind: _incidents_pb2.IncidentKind
    page_size: int
    page_token: str
    severity: _incidents_pb2.Severity
    assignee: str
    opened_after: _timestamp_pb2.Timestamp
    opened_before: _timestamp_pb2.Timestamp
    def __init__(self, workspace_id: _Optional[str] = ..., state: _Optional[_Union[IncidentStateFilter, str]] = ..., monitor_id: _Optional[str] = ..., kind: _Optional[_Union[_incidents_pb2.IncidentKind, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., severity: _Optional[_Union[_incidents_pb2.Severity, str]] = ..., assignee: _Optional[str] = ..., opened_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., opened_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListIncidentsResponse(_message.Message):
    __slots__ = ("incidents", "next_page_token")
    INCIDENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    incidents: _containers.RepeatedCompositeFieldContainer[_incidents_pb2.Incident]
    next_page_token: str
    def __init__(self, incidents: _Optional[_Iterable[_Union[_incidents_pb2.Incident, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetIncidentRequest(_message.Message):
    __slots__ = ("incident_id",)
    INCIDENT_ID_FIELD_NUMBER: _ClassVar[int]
    incident_id: str
    def __init__(self, incident_id: _Optional[str] = ...) -> None: ...

class ResolveIncidentRequest(_message.Message):
    __slots__ = ("incident_id", "note", "version")
    INCIDENT_ID_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    incident_id: str
    note: str
    version: int
    def __init__(self, incident_id: _Optional[str] = ..., note: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class AcknowledgeIncidentRequest(_message.Message):
    __slots__ = ("incident_id", "until", "note", "version")
    INCIDENT_ID_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    incident_id: str
    until: _timestamp_pb2.Timestamp
    note: str
    version: int
    def __init__(self, incident_id: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., note: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class AssignIncidentRequest(_message.Message):
    __slots__ = ("incident_id", "assignee", "version")
    INCIDENT_ID_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    incident_id: str
    assignee: str
    version: int
    def __init__(self, incident_id: _Optional[str] = ..., assignee: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class AddNoteRequest(_message.Message):
    __slots__ = ("incident_id", "note", "version")
    INCIDENT_ID_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    incident_id: str
    note: str
    version: int
    def __init__(self, incident_id: _Optional[str] = ..., note: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ListIncidentEventsRequest(_message.Message):
    __slots__ = ("incident_id", "page_size", "page_token")
    INCIDENT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    incident_id: str
    page_size: int
    page_token: str
    def __init__(self, incident_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListIncidentEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_incidents_pb2.IncidentEvent]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[_incidents_pb2.IncidentEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchIncidentsRequest(_message.Message):
    __slots__ = ("workspace_id", "incident_id", "cursor")
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    workspace_id: str
    incident_id: str
    cursor: str
    def __init__(self, workspace_id: _Optional[str] = ..., incident_id: _Optional[str] = ..., cursor: _Optional[str] = ...) -> None: ...

class WatchIncidentsResponse(_message.Message):
    __slots__ = ("cursor", "event", "incident")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    event: _incidents_pb2.IncidentEvent
    incident: _incidents_pb2.Incident
    def __init__(self, cursor: _Optional[str] = ..., event: _Optional[_Union[_incidents_pb2.IncidentEvent, _Mapping]] = ..., incident: _Optional[_Union[_incidents_pb2.Incident, _Mapping]] = ...) -> None: ...
