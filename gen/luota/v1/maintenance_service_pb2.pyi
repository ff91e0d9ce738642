from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from luota.v1 import maintenance_pb2 as _maintenance_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateMaintenanceWindowRequest(_message.Message):
    __slots__ = ("workspace_id", "maintenance_window", "idempotency_key")
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MAINTENANCE_WINDOW_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    workspace_id: str
    maintenance_window: _maintenance_pb2.MaintenanceWindow
    idempotency_key: str
    def __init__(self, workspace_id: _Optional[str] = ..., maintenance_window: _Optional[_Union[_maintenance_pb2.MaintenanceWindow, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ListMaintenanceWindowsRequest(_message.Message):
    __slots__ = ("workspace_id", "page_size", "page_token")
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workspace_id: str
    page_size: int
    page_token: str
    def __init__(self, workspace_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMaintenanceWindowsResponse(_message.Message):
    __slots__ = ("maintenance_windows", "next_page_token")
    MAINTENANCE_WINDOWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    maintenance_windows: _containers.RepeatedCompositeFieldContainer[_maintenance_pb2.MaintenanceWindow]
    next_page_token: str
    def __init__(self, maintenance_windows: _Optional[_Iterable[_Union[_maintenance_pb2.MaintenanceWindow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetMaintenanceWindowRequest(_message.Message):
    __slots__ = ("maintenance_window_id",)
    MAINTENANCE_WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    maintenance_window_id: str
    def __init__(self, maintenance_window_id: _Optional[str] = ...) -> None: ...

class UpdateMaintenanceWindowRequest(_message.Message):
    __slots__ = ("maintenance_window_id", "maintenance_window", "update_mask")
    MAINTENANCE_WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    MAINTENANCE_WINDOW_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    maintenance_window_id: str
    maintenance_window: _maintenance_pb2.MaintenanceWindow
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, maintenance_window_id: _Optional[str] = ..., maintenance_window: _Optional[_Union[_maintenance_pb2.MaintenanceWindow, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class CancelMaintenanceWindowRequest(_message.Message):
    __slots__ = ("maintenance_window_id", "version")
    MAINTENANCE_WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    maintenance_window_id: str
    version: int
    def __init__(self, maintenance_window_id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...
