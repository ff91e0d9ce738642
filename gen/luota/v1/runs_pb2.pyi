import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STATE_UNSPECIFIED: _ClassVar[RunState]
    RUN_STATE_RUNNING: _ClassVar[RunState]
    RUN_STATE_SUCCEEDED: _ClassVar[RunState]
    RUN_STATE_FAILED: _ClassVar[RunState]
    RUN_STATE_EXPIRED: _ClassVar[RunState]
RUN_STATE_UNSPECIFIED: RunState
RUN_STATE_RUNNING: RunState
RUN_STATE_SUCCEEDED: RunState
RUN_STATE_FAILED: RunState
RUN_STATE_EXPIRED: RunState

class Note(_message.Message):
    __slots__ = ("field", "note", "original_bytes", "kept_bytes", "count")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    KEPT_BYTES_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    field: str
    note: str
    original_bytes: int
    kept_bytes: int
    count: int
    def __init__(self, field: _Optional[str] = ..., note: _Optional[str] = ..., original_bytes: _Optional[int] = ..., kept_bytes: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class Run(_message.Message):
    __slots__ = ("id", "monitor_id", "external_run_id", "state", "started_at", "finished_at", "duration_ms", "summary", "exit_code", "deploy_sha", "host", "environment", "tags", "notes", "request_id", "close_request_id")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    DEPLOY_SHA_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CLOSE_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    monitor_id: str
    external_run_id: str
    state: RunState
    started_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    duration_ms: int
    summary: str
    exit_code: int
    deploy_sha: str
    host: str
    environment: str
    tags: _containers.ScalarMap[str, str]
    notes: _containers.RepeatedCompositeFieldContainer[Note]
    request_id: str
    close_request_id: str
    def __init__(self, id: _Optional[str] = ..., monitor_id: _Optional[str] = ..., external_run_id: _Optional[str] = ..., state: _Optional[_Union[RunState, str]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_ms: _Optional[int] = ..., summary: _Optional[str] = ..., exit_code: _Optional[int] = ..., deploy_sha: _Optional[str] = ..., host: _Optional[str] = ..., environment: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., notes: _Optional[_Iterable[_Union[Note, _Mapping]]] = ..., request_id: _Optional[str] = ..., close_request_id: _Optional[str] = ...) -> None: ...
