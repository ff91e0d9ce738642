import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from luota.v1 import runs_pb2 as _runs_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SignalType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNAL_TYPE_UNSPECIFIED: _ClassVar[SignalType]
    SIGNAL_TYPE_PING: _ClassVar[SignalType]
    SIGNAL_TYPE_START: _ClassVar[SignalType]
    SIGNAL_TYPE_PROGRESS: _ClassVar[SignalType]
    SIGNAL_TYPE_SUCCESS: _ClassVar[SignalType]
    SIGNAL_TYPE_FAIL: _ClassVar[SignalType]
    SIGNAL_TYPE_FINISH: _ClassVar[SignalType]
SIGNAL_TYPE_UNSPECIFIED: SignalType
SIGNAL_TYPE_PING: SignalType
SIGNAL_TYPE_START: SignalType
SIGNAL_TYPE_PROGRESS: SignalType
SIGNAL_TYPE_SUCCESS: SignalType
SIGNAL_TYPE_FAIL: SignalType
SIGNAL_TYPE_FINISH: SignalType

class Evidence(_message.Message):
    __slots__ = ("occurred_at", "summary", "exit_code", "output", "payload", "deploy_sha", "host", "environment", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    DEPLOY_SHA_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    occurred_at: _timestamp_pb2.Timestamp
    summary: str
    exit_code: int
    output: str
    payload: bytes
    deploy_sha: str
    host: str
    environment: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., summary: _Optional[str] = ..., exit_code: _Optional[int] = ..., output: _Optional[str] = ..., payload: _Optional[bytes] = ..., deploy_sha: _Optional[str] = ..., host: _Optional[str] = ..., environment: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Signal(_message.Message):
    __slots__ = ("id", "monitor_id", "run_id", "type", "received_at", "evidence", "notes", "request_id", "caller_request_id", "trace_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    monitor_id: str
    run_id: str
    type: SignalType
    received_at: _timestamp_pb2.Timestamp
    evidence: Evidence
    notes: _containers.RepeatedCompositeFieldContainer[_runs_pb2.Note]
    request_id: str
    caller_request_id: str
    trace_id: str
    def __init__(self, id: _Optional[str] = ..., monitor_id: _Optional[str] = ..., run_id: _Optional[str] = ..., type: _Optional[_Union[SignalType, str]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., evidence: _Optional[_Union[Evidence, _Mapping]] = ..., notes: _Optional[_Iterable[_Union[_runs_pb2.Note, _Mapping]]] = ..., request_id: _Optional[str] = ..., caller_request_id: _Optional[str] = ..., trace_id: _Optional[str] = ...) -> None: ...
