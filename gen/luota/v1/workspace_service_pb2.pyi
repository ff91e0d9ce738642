from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from luota.v1 import workspaces_pb2 as _workspaces_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateWorkspaceRequest(_message.Message):
    __slots__ = ("workspace", "idempotency_key")
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    workspace: _workspaces_pb2.Workspace
    idempotency_key: str
    def __init__(self, workspace: _Optional[_Union[_workspaces_pb2.Workspace, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ListWorkspacesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListWorkspacesResponse(_message.Message):
    __slots__ = ("workspaces", "next_page_token")
    WORKSPACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workspaces: _containers.RepeatedCompositeFieldContainer[_workspaces_pb2.Workspace]
    next_page_token: str
    def __init__(self, workspaces: _Optional[_Iterable[_Union[_workspaces_pb2.Workspace, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetWorkspaceRequest(_message.Message):
    __slots__ = ("workspace_id",)
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    workspace_id: str
    def __init__(self, workspace_id: _Optional[str] = ...) -> None: ...

class UpdateWorkspaceRequest(_message.Message):
    __slots__ = ("workspace_id", "workspace", "update_mask")
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    workspace_id: str
    workspace: _workspaces_pb2.Workspace
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, workspace_id: _Optional[str] = ..., workspace: _Optional[_Union[_workspaces_pb2.Workspace, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class CreateIngestKeyRequest(_message.Message):
    __slots__ = ("workspace_id", "monitor_id", "key", "idempotency_key")
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    workspace_id: str
    monitor_id: str
    key: _workspaces_pb2.IngestKey
    idempotency_key: str
    def __init__(self, workspace_id: _Optional[str] = ..., monitor_id: _Optional[str] = ..., key: _Optional[_Union[_workspaces_pb2.IngestKey, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ListIngestKeysRequest(_message.Message):
    __slots__ = ("workspace_id", "monitor_id", "page_size", "page_token")
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MONITOR_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workspace_id: str
    monitor_id: str
    page_size: int
    page_token: str
    def __init__(self, workspace_id: _Optional[str] = ..., monitor_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListIngestKeysResponse(_message.Message):
    __slots__ = ("keys", "next_page_token")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[_workspaces_pb2.IngestKey]
    next_page_token: str
    def __init__(self, keys: _Optional[_Iterable[_Union[_workspaces_pb2.IngestKey, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RotateIngestKeyRequest(_message.Message):
    __slots__ = ("key_id", "overlap_seconds")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    overlap_seconds: int
    def __init__(self, key_id: _Optional[str] = ..., overlap_seconds: _Optional[int] = ...) -> None: ...

class RevokeIngestKeyRequest(_message.Message):
    __slots__ = ("key_id",)
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    def __init__(self, key_id: _Optional[str] = ...) -> None: ...

class CreateOperatorTokenRequest(_message.Message):
    __slots__ = ("operator_token", "idempotency_key")
    OPERATOR_TOKEN_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    operator_token: _workspaces_pb2.OperatorToken
    idempotency_key: str
    def __init__(self, operator_token: _Optional[_Union[_workspaces_pb2.OperatorToken, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ListOperatorTokensRequest(_message.Message):
    __slots__ = ("workspace_id", "page_size", "page_token")
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workspace_id: str
    page_size: int
    page_token: str
    def __init__(self, workspace_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOperatorTokensResponse(_message.Message):
    __slots__ = ("operator_tokens", "next_page_token")
    OPERATOR_TOKENS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    operator_tokens: _containers.RepeatedCompositeFieldContainer[_workspaces_pb2.OperatorToken]
    next_page_token: str
    def __init__(self, operator_tokens: _Optional[_Iterable[_Union[_workspaces_pb2.OperatorToken, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevokeOperatorTokenRequest(_message.Message):
    __slots__ = ("operator_token_id",)
    OPERATOR_TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    operator_token_id: str
    def __init__(self, operator_token_id: _Optional[str] = ...) -> None: ...
