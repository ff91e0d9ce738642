import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from luota.v1 import monitors_pb2 as _monitors_pb2
from luota.v1 import runs_pb2 as _runs_pb2
from luota.v1 import signals_pb2 as _signals_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateMonitorRequest(_message.Message):
    __slots__ = ("workspace_id", "monitor", "idempotency_key")
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MONITOR_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    workspace_id: str
    monitor: _monitors_pb2.Monitor
    idempotency_key: str
    def __init__(self, workspace_id: _Optional[str] = ..., monitor: _Optional[_Union[_monitors_pb2.Monitor, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ListMonitorsRequest(_message.Message):
    __slots__ = ("workspace_id", "page_size", "page_token")
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workspace_id: str
    page_size: int
    page_token: str
    def __init__(self, workspace_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMonitorsResponse(_message.Message):
    __slots__ = ("monitors", "next_page_token")
    MONITORS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    monitors: _containers.RepeatedCompositeFieldContainer[_monitors_pb2.Monitor]
    next_page_token: str
    def __init__(self, monitors: _Optional[_Iterable[_Union[_monitors_pb2.Monitor, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetMonitorRequest(_message.Message):
    __slots__ = ("monitor_id",)
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    def __init__(self, monitor_id: _Optional[str] = ...) -> None: ...

class UpdateMonitorRequest(_message.Message):
    __slots__ = ("monitor_id", "monitor", "update_mask")
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    MONITOR_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    monitor: _monitors_pb2.Monitor
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, monitor_id: _Optional[str] = ..., monitor: _Optional[_Union[_monitors_pb2.Monitor, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class DeleteMonitorRequest(_message.Message):
    __slots__ = ("monitor_id",)
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    def __init__(self, monitor_id: _Optional[str] = ...) -> None: ...

class PauseMonitorRequest(_message.Message):
    __slots__ = ("monitor_id", "until")
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    until: _timestamp_pb2.Timestamp
    def __init__(self, monitor_id: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ResumeMonitorRequest(_message.Message):
    __slots__ = ("monitor_id",)
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    def __init__(self, monitor_id: _Optional[str] = ...) -> None: ...

class MuteMonitorRequest(_message.Message):
    __slots__ = ("monitor_id", "until")
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    until: _timestamp_pb2.Timestamp
    def __init__(self, monitor_id: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class UnmuteMonitorRequest(_message.Message):
    __slots__ = ("monitor_id",)
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    def __init__(self, monitor_id: _Optional[str] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ("monitor_id", "state", "external_run_id", "page_size", "page_token")
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    state: _runs_pb2.RunState
    external_run_id: str
    page_size: int
    page_token: str
    def __init__(self, monitor_id: _Optional[str] = ..., state: _Optional[_Union[_runs_pb2.RunState, str]] = ..., external_run_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs", "next_page_token")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[_runs_pb2.Run]
    next_page_token: str
    def __init__(self, runs: _Optional[_Iterable[_Union[_runs_pb2.Run, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class ListSignalsRequest(_message.Message):
    __slots__ = ("monitor_id", "run_id", "page_size", "page_token")
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    run_id: str
    page_size: int
    page_token: str
    def __init__(self, monitor_id: _Optional[str] = ..., run_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSignalsResponse(_message.Message):
    __slots__ = ("signals", "next_page_token")
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    signals: _containers.RepeatedCompositeFieldContainer[_signals_pb2.Signal]
    next_page_token: str
    def __init__(self, signals: _Optional[_Iterable[_Union[_signals_pb2.Signal, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ExplainScheduleRequest(_message.Message):
    __slots__ = ("monitor_id", "workspace_id", "kind", "schedule", "grace_seconds", "early_tolerance_seconds", "count")
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    GRACE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    EARLY_TOLERANCE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    workspace_id: str
    kind: _monitors_pb2.MonitorKind
    schedule: _monitors_pb2.Schedule
    grace_seconds: int
    early_tolerance_seconds: int
    count: int
    def __init__(self, monitor_id: _Optional[str] = ..., workspace_id: _Optional[str] = ..., kind: _Optional[_Union[_monitors_pb2.MonitorKind, str]] = ..., schedule: _Optional[_Union[_monitors_pb2.Schedule, _Mapping]] = ..., grace_seconds: _Optional[int] = ..., early_tolerance_seconds: _Optional[int] = ..., count: _Optional[int] = ..., **kwargs) -> None: ...

class ExpectedInstant(_message.Message):
    __slots__ = ("expected_at", "covered_from", "deadline_at", "local_time", "reason")
    EXPECTED_AT_FIELD_NUMBER: _ClassVar[int]
    COVERED_FROM_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_AT_FIELD_NUMBER: _ClassVar[int]
    LOCAL_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    expected_at: _timestamp_pb2.Timestamp
    covered_from: _timestamp_pb2.Timestamp
    deadline_at: _timestamp_pb2.Timestamp
    local_time: str
    reason: str
    def __init__(self, expected_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., covered_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deadline_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., local_time: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ExplainScheduleResponse(_message.Message):
    __slots__ = ("awaited", "awaited_reason", "instants")
    AWAITED_FIELD_NUMBER: _ClassVar[int]
    AWAITED_REASON_FIELD_NUMBER: _ClassVar[int]
    INSTANTS_FIELD_NUMBER: _ClassVar[int]
    awaited: ExpectedInstant
    awaited_reason: str
    instants: _containers.RepeatedCompositeFieldContainer[ExpectedInstant]
    def __init__(self, awaited: _Optional[_Union[ExpectedInstant, _Mapping]] = ..., awaited_reason: _Optional[str] = ..., instants: _Optional[_Iterable[_Union[ExpectedInstant, _Mapping]]] = ...) -> None: ...

class BacktestScheduleRequest(_message.Message):
    __slots__ = ("monitor_id", "schedule", "grace_seconds", "early_tolerance_seconds", "days")
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    GRACE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    EARLY_TOLERANCE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    schedule: _monitors_pb2.Schedule
    grace_seconds: int
    early_tolerance_seconds: int
    days: int
    def __init__(self, monitor_id: _Optional[str] = ..., schedule: _Optional[_Union[_monitors_pb2.Schedule, _Mapping]] = ..., grace_seconds: _Optional[int] = ..., early_tolerance_seconds: _Optional[int] = ..., days: _Optional[int] = ...) -> None: ...

class BacktestPage(_message.Message):
    __slots__ = ("at", "expected_at", "late")
    AT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_AT_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    expected_at: _timestamp_pb2.Timestamp
    late: bool
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expected_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., late: _Optional[bool] = ...) -> None: ...

class BacktestScheduleResponse(_message.Message):
    __slots__ = ("start_at", "end_at", "signals", "expected", "early", "in_time", "late", "missed", "page_count", "pages", "smallest_grace_seconds")
    START_AT_FIELD_NUMBER: _ClassVar[int]
    END_AT_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    EARLY_FIELD_NUMBER: _ClassVar[int]
    IN_TIME_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    PAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PAGES_FIELD_NUMBER: _ClassVar[int]
    SMALLEST_GRACE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    start_at: _timestamp_pb2.Timestamp
    end_at: _timestamp_pb2.Timestamp
    signals: int
    expected: int
    early: int
    in_time: int
    late: int
    missed: int
    page_count: int
    pages: _containers.RepeatedCompositeFieldContainer[BacktestPage]
    smallest_grace_seconds: int
    def __init__(self, start_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., signals: _Optional[int] = ..., expected: _Optional[int] = ..., early: _Optional[int] = ..., in_time: _Optional[int] = ..., late: _Optional[int] = ..., missed: _Optional[int] = ..., page_count: _Optional[int] = ..., pages: _Optional[_Iterable[_Union[BacktestPage, _Mapping]]] = ..., smallest_grace_seconds: _Optional[int] = ...) -> None: ...
