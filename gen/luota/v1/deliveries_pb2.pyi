import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DeliveryState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_STATE_UNSPECIFIED: _ClassVar[DeliveryState]
    DELIVERY_STATE_PENDING: _ClassVar[DeliveryState]
    DELIVERY_STATE_SENDING: _ClassVar[DeliveryState]
    DELIVERY_STATE_DELIVERED: _ClassVar[DeliveryState]
    DELIVERY_STATE_FAILED_RETRYING: _ClassVar[DeliveryState]
    DELIVERY_STATE_FAILED_TERMINAL: _ClassVar[DeliveryState]
    DELIVERY_STATE_CANCELLED: _ClassVar[DeliveryState]

class DeliveryReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_REASON_UNSPECIFIED: _ClassVar[DeliveryReason]
    DELIVERY_REASON_OPENED: _ClassVar[DeliveryReason]
    DELIVERY_REASON_REMINDER: _ClassVar[DeliveryReason]
    DELIVERY_REASON_RESOLVED: _ClassVar[DeliveryReason]
    DELIVERY_REASON_ESCALATION: _ClassVar[DeliveryReason]
    DELIVERY_REASON_ROUTE_FAILURE: _ClassVar[DeliveryReason]
    DELIVERY_REASON_TEST: _ClassVar[DeliveryReason]
    DELIVERY_REASON_DRILL: _ClassVar[DeliveryReason]

class AttemptOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTEMPT_OUTCOME_UNSPECIFIED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_DELIVERED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_REFUSED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_THROTTLED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_OVERLOADED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_FAILED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_TIMED_OUT: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_UNREACHABLE: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_REJECTED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_BLOCKED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_LOST: _ClassVar[AttemptOutcome]
DELIVERY_STATE_UNSPECIFIED: DeliveryState
DELIVERY_STATE_PENDING: DeliveryState
DELIVERY_STATE_SENDING: DeliveryState
DELIVERY_STATE_DELIVERED: DeliveryState
DELIVERY_STATE_FAILED_RETRYING: DeliveryState
DELIVERY_STATE_FAILED_TERMINAL: DeliveryState
DELIVERY_STATE_CANCELLED: DeliveryState
DELIVERY_REASON_UNSPECIFIED: DeliveryReason
DELIVERY_REASON_OPENED: DeliveryReason
DELIVERY_REASON_REMINDER: DeliveryReason
DELIVERY_REASON_RESOLVED: DeliveryReason
DELIVERY_REASON_ESCALATION: DeliveryReason
DELIVERY_REASON_ROUTE_FAILURE: DeliveryReason
DELIVERY_REASON_TEST: DeliveryReason
DELIVERY_REASON_DRILL: DeliveryReason
ATTEMPT_OUTCOME_UNSPECIFIED: AttemptOutcome
ATTEMPT_OUTCOME_DELIVERED: AttemptOutcome
ATTEMPT_OUTCOME_REFUSED: AttemptOutcome
ATTEMPT_OUTCOME_THROTTLED: AttemptOutcome
ATTEMPT_OUTCOME_OVERLOADED: AttemptOutcome
ATTEMPT_OUTCOME_FAILED: AttemptOutcome
ATTEMPT_OUTCOME_TIMED_OUT: AttemptOutcome
ATTEMPT_OUTCOME_UNREACHABLE: AttemptOutcome
ATTEMPT_OUTCOME_REJECTED: AttemptOutcome
ATTEMPT_OUTCOME_BLOCKED: AttemptOutcome
ATTEMPT_OUTCOME_LOST: AttemptOutcome

class DeliveryAttempt(_message.Message):
    __slots__ = ("number", "started_at", "duration_ms", "outcome", "http_status", "provider_id", "error", "retry_after_seconds", "late", "trace_id", "reply", "resolved_address")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    number: int
    started_at: _timestamp_pb2.Timestamp
    duration_ms: int
    outcome: AttemptOutcome
    http_status: int
    provider_id: str
    error: str
    retry_after_seconds: int
    late: bool
    trace_id: str
    reply: str
    resolved_address: str
    def __init__(self, number: _Optional[int] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_ms: _Optional[int] = ..., outcome: _Optional[_Union[AttemptOutcome, str]] = ..., http_status: _Optional[int] = ..., provider_id: _Optional[str] = ..., error: _Optional[str] = ..., retry_after_seconds: _Optional[int] = ..., late: _Optional[bool] = ..., trace_id: _Optional[str] = ..., reply: _Optional[str] = ..., resolved_address: _Optional[str] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("id", "route_id", "route_name", "reason", "state", "incident_ids", "attempt_count", "next_attempt_at", "provider_id", "request_id", "error", "expires_at", "created_at", "settled_at", "replay_of", "gathered_into", "next_action", "attempts")
    ID_FIELD_NUMBER: _ClassVar[int]
    ROUTE_ID_FIELD_NUMBER: _ClassVar[int]
    ROUTE_NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_IDS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_AT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    SETTLED_AT_FIELD_NUMBER: _ClassVar[int]
    REPLAY_OF_FIELD_NUMBER: _ClassVar[int]
    GATHERED_INTO_FIELD_NUMBER: _ClassVar[int]
    NEXT_ACTION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    route_id: str
    route_name: str
    reason: DeliveryReason
    state: DeliveryState
    incident_ids: _containers.RepeatedScalarFieldContainer[str]
    attempt_count: int
    next_attempt_at: _timestamp_pb2.Timestamp
    provider_id: str
    request_id: str
    error: str
    expires_at: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    settled_at: _timestamp_pb2.Timestamp
    replay_of: str
    gathered_into: str
    next_action: str
    attempts: _containers.RepeatedCompositeFieldContainer[DeliveryAttempt]
    def __init__(self, id: _Optional[str] = ..., route_id: _Optional[str] = ..., route_name: _Optional[str] = ..., reason: _Optional[_Union[DeliveryReason, str]] = ..., state: _Optional[_Union[DeliveryState, str]] = ..., incident_ids: _Optional[_Iterable[str]] = ..., attempt_count: _Optional[int] = ..., next_attempt_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., provider_id: _Optional[str] = ..., request_id: _Optional[str] = ..., error: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., settled_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., replay_of: _Optional[str] = ..., gathered_into: _Optional[str] = ..., next_action: _Optional[str] = ..., attempts: _Optional[_Iterable[_Union[DeliveryAttempt, _Mapping]]] = ...) -> None: ...
