import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MaintenanceWindowState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MAINTENANCE_WINDOW_STATE_UNSPECIFIED: _ClassVar[MaintenanceWindowState]
    MAINTENANCE_WINDOW_STATE_UPCOMING: _ClassVar[MaintenanceWindowState]
    MAINTENANCE_WINDOW_STATE_ACTIVE: _ClassVar[MaintenanceWindowState]
    MAINTENANCE_WINDOW_STATE_PAST: _ClassVar[MaintenanceWindowState]
    MAINTENANCE_WINDOW_STATE_CANCELLED: _ClassVar[MaintenanceWindowState]
MAINTENANCE_WINDOW_STATE_UNSPECIFIED: MaintenanceWindowState
MAINTENANCE_WINDOW_STATE_UPCOMING: MaintenanceWindowState
MAINTENANCE_WINDOW_STATE_ACTIVE: MaintenanceWindowState
MAINTENANCE_WINDOW_STATE_PAST: MaintenanceWindowState
MAINTENANCE_WINDOW_STATE_CANCELLED: MaintenanceWindowState

class MaintenanceWindow(_message.Message):
    __slots__ = ("id", "workspace_id", "monitor_ids", "tags", "starts_at", "ends_at", "cron", "timezone", "duration_seconds", "comment", "author", "state", "next_starts_at", "next_ends_at", "cancelled_at", "created_at", "updated_at", "version")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MONITOR_IDS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    CRON_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NEXT_STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    NEXT_ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    workspace_id: str
    monitor_ids: _containers.RepeatedScalarFieldContainer[str]
    tags: _containers.ScalarMap[str, str]
    starts_at: _timestamp_pb2.Timestamp
    ends_at: _timestamp_pb2.Timestamp
    cron: str
    timezone: str
    duration_seconds: int
    comment: str
    author: str
    state: MaintenanceWindowState
    next_starts_at: _timestamp_pb2.Timestamp
    next_ends_at: _timestamp_pb2.Timestamp
    cancelled_at: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    version: int
    def __init__(self, id: _Optional[str] = ..., workspace_id: _Optional[str] = ..., monitor_ids: _Optional[_Iterable[str]] = ..., tags: _Optional[_Mapping[str, str]] = ..., starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cron: _Optional[str] = ..., timezone: _Optional[str] = ..., duration_seconds: _Optional[int] = ..., comment: _Optional[str] = ..., author: _Optional[str] = ..., state: _Optional[_Union[MaintenanceWindowState, str]] = ..., next_starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cancelled_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...
