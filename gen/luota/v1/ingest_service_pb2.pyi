import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from luota.v1 import incidents_pb2 as _incidents_pb2
from luota.v1 import runs_pb2 as _runs_pb2
from luota.v1 import signals_pb2 as _signals_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunKey(_message.Message):
    __slots__ = ("monitor_id", "external_run_id")
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    external_run_id: str
    def __init__(self, monitor_id: _Optional[str] = ..., external_run_id: _Optional[str] = ...) -> None: ...

class StartRunRequest(_message.Message):
    __slots__ = ("run_key", "evidence", "timeout_seconds")
    RUN_KEY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    run_key: RunKey
    evidence: _signals_pb2.Evidence
    timeout_seconds: int
    def __init__(self, run_key: _Optional[_Union[RunKey, _Mapping]] = ..., evidence: _Optional[_Union[_signals_pb2.Evidence, _Mapping]] = ..., timeout_seconds: _Optional[int] = ...) -> None: ...

class SucceedRunRequest(_message.Message):
    __slots__ = ("run_id", "run_key", "evidence")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_KEY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    run_key: RunKey
    evidence: _signals_pb2.Evidence
    def __init__(self, run_id: _Optional[str] = ..., run_key: _Optional[_Union[RunKey, _Mapping]] = ..., evidence: _Optional[_Union[_signals_pb2.Evidence, _Mapping]] = ...) -> None: ...

class FailRunRequest(_message.Message):
    __slots__ = ("run_id", "run_key", "evidence")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_KEY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    run_key: RunKey
    evidence: _signals_pb2.Evidence
    def __init__(self, run_id: _Optional[str] = ..., run_key: _Optional[_Union[RunKey, _Mapping]] = ..., evidence: _Optional[_Union[_signals_pb2.Evidence, _Mapping]] = ...) -> None: ...

class FinishRunRequest(_message.Message):
    __slots__ = ("run_key", "evidence")
    RUN_KEY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    run_key: RunKey
    evidence: _signals_pb2.Evidence
    def __init__(self, run_key: _Optional[_Union[RunKey, _Mapping]] = ..., evidence: _Optional[_Union[_signals_pb2.Evidence, _Mapping]] = ...) -> None: ...

class ReportProgressRequest(_message.Message):
    __slots__ = ("run_id", "run_key", "evidence")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_KEY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    run_key: RunKey
    evidence: _signals_pb2.Evidence
    def __init__(self, run_id: _Optional[str] = ..., run_key: _Optional[_Union[RunKey, _Mapping]] = ..., evidence: _Optional[_Union[_signals_pb2.Evidence, _Mapping]] = ...) -> None: ...

class PingRequest(_message.Message):
    __slots__ = ("monitor_id", "workspace_id", "evidence", "signal_id")
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_ID_FIELD_NUMBER: _ClassVar[int]
    monitor_id: str
    workspace_id: str
    evidence: _signals_pb2.Evidence
    signal_id: str
    def __init__(self, monitor_id: _Optional[str] = ..., workspace_id: _Optional[str] = ..., evidence: _Optional[_Union[_signals_pb2.Evidence, _Mapping]] = ..., signal_id: _Optional[str] = ...) -> None: ...

class IncidentRef(_message.Message):
    __slots__ = ("id", "kind", "state", "url")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: _incidents_pb2.IncidentKind
    state: _incidents_pb2.IncidentState
    url: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[_incidents_pb2.IncidentKind, str]] = ..., state: _Optional[_Union[_incidents_pb2.IncidentState, str]] = ..., url: _Optional[str] = ...) -> None: ...

class RunSummary(_message.Message):
    __slots__ = ("id", "monitor_id", "external_run_id", "state", "started_at", "finished_at", "duration_ms")
    ID_FIELD_NUMBER: _ClassVar[int]
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    id: str
    monitor_id: str
    external_run_id: str
    state: _runs_pb2.RunState
    started_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    duration_ms: int
    def __init__(self, id: _Optional[str] = ..., monitor_id: _Optional[str] = ..., external_run_id: _Optional[str] = ..., state: _Optional[_Union[_runs_pb2.RunState, str]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_ms: _Optional[int] = ...) -> None: ...

class RunReceipt(_message.Message):
    __slots__ = ("run", "duplicate", "request_id", "incident", "notes")
    RUN_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    run: RunSummary
    duplicate: bool
    request_id: str
    incident: IncidentRef
    notes: _containers.RepeatedCompositeFieldContainer[_runs_pb2.Note]
    def __init__(self, run: _Optional[_Union[RunSummary, _Mapping]] = ..., duplicate: _Optional[bool] = ..., request_id: _Optional[str] = ..., incident: _Optional[_Union[IncidentRef, _Mapping]] = ..., notes: _Optional[_Iterable[_Union[_runs_pb2.Note, _Mapping]]] = ...) -> None: ...

class SignalSummary(_message.Message):
    __slots__ = ("id", "monitor_id", "received_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    monitor_id: str
    received_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., monitor_id: _Optional[str] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PingReceipt(_message.Message):
    __slots__ = ("signal", "duplicate", "request_id", "incident", "notes")
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    signal: SignalSummary
    duplicate: bool
    request_id: str
    incident: IncidentRef
    notes: _containers.RepeatedCompositeFieldContainer[_runs_pb2.Note]
    def __init__(self, signal: _Optional[_Union[SignalSummary, _Mapping]] = ..., duplicate: _Optional[bool] = ..., request_id: _Optional[str] = ..., incident: _Optional[_Union[IncidentRef, _Mapping]] = ..., notes: _Optional[_Iterable[_Union[_runs_pb2.Note, _Mapping]]] = ...) -> None: ...

class BatchSignal(_message.Message):
    __slots__ = ("start", "success", "fail", "finish", "progress", "ping")
    START_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    FAIL_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    start: StartRunRequest
    success: SucceedRunRequest
    fail: FailRunRequest
    finish: FinishRunRequest
    progress: ReportProgressRequest
    ping: PingRequest
    def __init__(self, start: _Optional[_Union[StartRunRequest, _Mapping]] = ..., success: _Optional[_Union[SucceedRunRequest, _Mapping]] = ..., fail: _Optional[_Union[FailRunRequest, _Mapping]] = ..., finish: _Optional[_Union[FinishRunRequest, _Mapping]] = ..., progress: _Optional[_Union[ReportProgressRequest, _Mapping]] = ..., ping: _Optional[_Union[PingRequest, _Mapping]] = ...) -> None: ...

class BatchIngestRequest(_message.Message):
    __slots__ = ("signals",)
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    signals: _containers.RepeatedCompositeFieldContainer[BatchSignal]
    def __init__(self, signals: _Optional[_Iterable[_Union[BatchSignal, _Mapping]]] = ...) -> None: ...

class BatchResult(_message.Message):
    __slots__ = ("run", "ping", "error")
    RUN_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    run: RunReceipt
    ping: PingReceipt
    error: _status_pb2.Status
    def __init__(self, run: _Optional[_Union[RunReceipt, _Mapping]] = ..., ping: _Optional[_Union[PingReceipt, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class BatchIngestResponse(_message.Message):
    __slots__ = ("results", "request_id")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchResult]
    request_id: str
    def __init__(self, results: _Optional[_Iterable[_Union[BatchResult, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...
