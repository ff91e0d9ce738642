import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from luota.v1 import incidents_pb2 as _incidents_pb2
from luota.v1 import signals_pb2 as _signals_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MonitorKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MONITOR_KIND_UNSPECIFIED: _ClassVar[MonitorKind]
    MONITOR_KIND_HEARTBEAT: _ClassVar[MonitorKind]
    MONITOR_KIND_RUN: _ClassVar[MonitorKind]
    MONITOR_KIND_FRESHNESS: _ClassVar[MonitorKind]

class MonitorState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MONITOR_STATE_UNSPECIFIED: _ClassVar[MonitorState]
    MONITOR_STATE_NEW: _ClassVar[MonitorState]
    MONITOR_STATE_HEALTHY: _ClassVar[MonitorState]
    MONITOR_STATE_FAILING: _ClassVar[MonitorState]
    MONITOR_STATE_PAUSED: _ClassVar[MonitorState]
MONITOR_KIND_UNSPECIFIED: MonitorKind
MONITOR_KIND_HEARTBEAT: MonitorKind
MONITOR_KIND_RUN: MonitorKind
MONITOR_KIND_FRESHNESS: MonitorKind
MONITOR_STATE_UNSPECIFIED: MonitorState
MONITOR_STATE_NEW: MonitorState
MONITOR_STATE_HEALTHY: MonitorState
MONITOR_STATE_FAILING: MonitorState
MONITOR_STATE_PAUSED: MonitorState

class Schedule(_message.Message):
    __slots__ = ("cron", "timezone", "interval_seconds")
    CRON_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    cron: str
    timezone: str
    interval_seconds: int
    def __init__(self, cron: _Optional[str] = ..., timezone: _Optional[str] = ..., interval_seconds: _Optional[int] = ...) -> None: ...

class SignalRef(_message.Message):
    __slots__ = ("id", "type", "received_at", "request_id", "run_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: _signals_pb2.SignalType
    received_at: _timestamp_pb2.Timestamp
    request_id: str
    run_id: str
    def __init__(self, id: _Optional[str] = ..., type: _Optional[_Union[_signals_pb2.SignalType, str]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., run_id: _Optional[str] = ...) -> None: ...

class Monitor(_message.Message):
    __slots__ = ("id", "slug", "name", "kind", "schedule", "grace_seconds", "early_tolerance_seconds", "max_age_seconds", "max_duration_seconds", "min_duration_seconds", "stuck_after_seconds", "timeout_seconds", "failure_threshold", "recovery_threshold", "remind_every_seconds", "severity", "owner", "runbook_url", "environment", "promise", "tags", "paused_until", "muted_until", "state", "next_deadline_at", "last_signal", "last_good_signal", "created_at", "updated_at", "version", "workspace_id")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    SLUG_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    GRACE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    EARLY_TOLERANCE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MIN_DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    STUCK_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    REMIND_EVERY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    RUNBOOK_URL_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PAUSED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    MUTED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NEXT_DEADLINE_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_SIGNAL_FIELD_NUMBER: _ClassVar[int]
    LAST_GOOD_SIGNAL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    slug: str
    name: str
    kind: MonitorKind
    schedule: Schedule
    grace_seconds: int
    early_tolerance_seconds: int
    max_age_seconds: int
    max_duration_seconds: int
    min_duration_seconds: int
    stuck_after_seconds: int
    timeout_seconds: int
    failure_threshold: int
    recovery_threshold: int
    remind_every_seconds: int
    severity: _incidents_pb2.Severity
    owner: str
    runbook_url: str
    environment: str
    promise: str
    tags: _containers.ScalarMap[str, str]
    paused_until: _timestamp_pb2.Timestamp
    muted_until: _timestamp_pb2.Timestamp
    state: MonitorState
    next_deadline_at: _timestamp_pb2.Timestamp
    last_signal: SignalRef
    last_good_signal: SignalRef
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    version: int
    workspace_id: str
    def __init__(self, id: _Optional[str] = ..., slug: _Optional[str] = ..., name: _Optional[str] = ..., kind: _Optional[_Union[MonitorKind, str]] = ..., schedule: _Optional[_Union[Schedule, _Mapping]] = ..., grace_seconds: _Optional[int] = ..., early_tolerance_seconds: _Optional[int] = ..., max_age_seconds: _Optional[int] = ..., max_duration_seconds: _Optional[int] = ..., min_duration_seconds: _Optional[int] = ..., stuck_after_seconds: _Optional[int] = ..., timeout_seconds: _Optional[int] = ..., failure_threshold: _Optional[int] = ..., recovery_threshold: _Optional[int] = ..., remind_every_seconds: _Optional[int] = ..., severity: _Optional[_Union[_incidents_pb2.Severity, str]] = ..., owner: _Optional[str] = ..., runbook_url: _Optional[str] = ..., environment: _Optional[str] = ..., promise: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., paused_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., muted_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[MonitorState, str]] = ..., next_deadline_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_signal: _Optional[_Union[SignalRef, _Mapping]] = ..., last_good_signal: _Optional[_Union[SignalRef, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ..., workspace_id: _Optional[str] = ...) -> None: ...
