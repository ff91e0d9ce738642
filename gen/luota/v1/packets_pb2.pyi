from google.protobuf import struct_pb2 as _struct_pb2
from luota.v1 import incidents_pb2 as _incidents_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Packet(_message.Message):
    __slots__ = ("incident", "identity", "promise", "healthy_signal", "bad_day_signal", "owner_route", "audit_trail", "alert_state", "evidence_digest", "export_digest")
    INCIDENT_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_SIGNAL_FIELD_NUMBER: _ClassVar[int]
    BAD_DAY_SIGNAL_FIELD_NUMBER: _ClassVar[int]
    OWNER_ROUTE_FIELD_NUMBER: _ClassVar[int]
    AUDIT_TRAIL_FIELD_NUMBER: _ClassVar[int]
    ALERT_STATE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    EXPORT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    incident: _struct_pb2.Struct
    identity: _struct_pb2.Struct
    promise: _struct_pb2.Struct
    healthy_signal: _struct_pb2.Struct
    bad_day_signal: _struct_pb2.Struct
    owner_route: _struct_pb2.Struct
    audit_trail: _struct_pb2.Struct
    alert_state: _incidents_pb2.AlertState
    evidence_digest: str
    export_digest: str
    def __init__(self, incident: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., identity: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., promise: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., healthy_signal: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., bad_day_signal: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., owner_route: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., audit_trail: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., alert_state: _Optional[_Union[_incidents_pb2.AlertState, str]] = ..., evidence_digest: _Optional[str] = ..., export_digest: _Optional[str] = ...) -> None: ...

class PacketExport(_message.Message):
    __slots__ = ("document", "evidence_digest", "export_digest")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    EXPORT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    document: str
    evidence_digest: str
    export_digest: str
    def __init__(self, document: _Optional[str] = ..., evidence_digest: _Optional[str] = ..., export_digest: _Optional[str] = ...) -> None: ...
