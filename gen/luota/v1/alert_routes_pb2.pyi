import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from luota.v1 import incidents_pb2 as _incidents_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AlertRouteKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_ROUTE_KIND_UNSPECIFIED: _ClassVar[AlertRouteKind]
    ALERT_ROUTE_KIND_WEBHOOK: _ClassVar[AlertRouteKind]
    ALERT_ROUTE_KIND_EMAIL: _ClassVar[AlertRouteKind]
    ALERT_ROUTE_KIND_SLACK: _ClassVar[AlertRouteKind]
    ALERT_ROUTE_KIND_PAGERDUTY: _ClassVar[AlertRouteKind]
    ALERT_ROUTE_KIND_ALERTMANAGER: _ClassVar[AlertRouteKind]
    ALERT_ROUTE_KIND_APPRISE: _ClassVar[AlertRouteKind]
    ALERT_ROUTE_KIND_INBOX: _ClassVar[AlertRouteKind]

class AlertRouteState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_ROUTE_STATE_UNSPECIFIED: _ClassVar[AlertRouteState]
    ALERT_ROUTE_STATE_UNPROVEN: _ClassVar[AlertRouteState]
    ALERT_ROUTE_STATE_PROVEN: _ClassVar[AlertRouteState]
    ALERT_ROUTE_STATE_RETRYING: _ClassVar[AlertRouteState]
    ALERT_ROUTE_STATE_BROKEN: _ClassVar[AlertRouteState]
ALERT_ROUTE_KIND_UNSPECIFIED: AlertRouteKind
ALERT_ROUTE_KIND_WEBHOOK: AlertRouteKind
ALERT_ROUTE_KIND_EMAIL: AlertRouteKind
ALERT_ROUTE_KIND_SLACK: AlertRouteKind
ALERT_ROUTE_KIND_PAGERDUTY: AlertRouteKind
ALERT_ROUTE_KIND_ALERTMANAGER: AlertRouteKind
ALERT_ROUTE_KIND_APPRISE: AlertRouteKind
ALERT_ROUTE_KIND_INBOX: AlertRouteKind
ALERT_ROUTE_STATE_UNSPECIFIED: AlertRouteState
ALERT_ROUTE_STATE_UNPROVEN: AlertRouteState
ALERT_ROUTE_STATE_PROVEN: AlertRouteState
ALERT_ROUTE_STATE_RETRYING: AlertRouteState
ALERT_ROUTE_STATE_BROKEN: AlertRouteState

class WebhookTarget(_message.Message):
    __slots__ = ("url", "secret", "previous_secret_until")
    URL_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SECRET_UNTIL_FIELD_NUMBER: _ClassVar[int]
    url: str
    secret: str
    previous_secret_until: _timestamp_pb2.Timestamp
    def __init__(self, url: _Optional[str] = ..., secret: _Optional[str] = ..., previous_secret_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EmailTarget(_message.Message):
    __slots__ = ("to",)
    TO_FIELD_NUMBER: _ClassVar[int]
    to: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, to: _Optional[_Iterable[str]] = ...) -> None: ...

class SlackTarget(_message.Message):
    __slots__ = ("url",)
    URL_FIELD_NUMBER: _ClassVar[int]
    url: str
    def __init__(self, url: _Optional[str] = ...) -> None: ...

class PagerdutyTarget(_message.Message):
    __slots__ = ("routing_key", "webhook_secret", "region")
    ROUTING_KEY_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_SECRET_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    routing_key: str
    webhook_secret: str
    region: str
    def __init__(self, routing_key: _Optional[str] = ..., webhook_secret: _Optional[str] = ..., region: _Optional[str] = ...) -> None: ...

class AlertmanagerTarget(_message.Message):
    __slots__ = ("url", "username", "password", "bearer_token")
    URL_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    BEARER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    url: str
    username: str
    password: str
    bearer_token: str
    def __init__(self, url: _Optional[str] = ..., username: _Optional[str] = ..., password: _Optional[str] = ..., bearer_token: _Optional[str] = ...) -> None: ...

class AppriseTarget(_message.Message):
    __slots__ = ("url",)
    URL_FIELD_NUMBER: _ClassVar[int]
    url: str
    def __init__(self, url: _Optional[str] = ...) -> None: ...

class InboxTarget(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AlertRoute(_message.Message):
    __slots__ = ("id", "workspace_id", "name", "kind", "monitor_ids", "min_severity", "webhook", "email", "slack", "pagerduty", "alertmanager", "apprise", "inbox", "fallback", "after_seconds", "enabled", "state", "last_delivered_at", "last_failed_at", "last_error", "created_at", "updated_at", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MONITOR_IDS_FIELD_NUMBER: _ClassVar[int]
    MIN_SEVERITY_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    SLACK_FIELD_NUMBER: _ClassVar[int]
    PAGERDUTY_FIELD_NUMBER: _ClassVar[int]
    ALERTMANAGER_FIELD_NUMBER: _ClassVar[int]
    APPRISE_FIELD_NUMBER: _ClassVar[int]
    INBOX_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LAST_DELIVERED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_FAILED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    workspace_id: str
    name: str
    kind: AlertRouteKind
    monitor_ids: _containers.RepeatedScalarFieldContainer[str]
    min_severity: _incidents_pb2.Severity
    webhook: WebhookTarget
    email: EmailTarget
    slack: SlackTarget
    pagerduty: PagerdutyTarget
    alertmanager: AlertmanagerTarget
    apprise: AppriseTarget
    inbox: InboxTarget
    fallback: bool
    after_seconds: int
    enabled: bool
    state: AlertRouteState
    last_delivered_at: _timestamp_pb2.Timestamp
    last_failed_at: _timestamp_pb2.Timestamp
    last_error: str
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    version: int
    def __init__(self, id: _Optional[str] = ..., workspace_id: _Optional[str] = ..., name: _Optional[str] = ..., kind: _Optional[_Union[AlertRouteKind, str]] = ..., monitor_ids: _Optional[_Iterable[str]] = ..., min_severity: _Optional[_Union[_incidents_pb2.Severity, str]] = ..., webhook: _Optional[_Union[WebhookTarget, _Mapping]] = ..., email: _Optional[_Union[EmailTarget, _Mapping]] = ..., slack: _Optional[_Union[SlackTarget, _Mapping]] = ..., pagerduty: _Optional[_Union[PagerdutyTarget, _Mapping]] = ..., alertmanager: _Optional[_Union[AlertmanagerTarget, _Mapping]] = ..., apprise: _Optional[_Union[AppriseTarget, _Mapping]] = ..., inbox: _Optional[_Union[InboxTarget, _Mapping]] = ..., fallback: _Optional[bool] = ..., after_seconds: _Optional[int] = ..., enabled: _Optional[bool] = ..., state: _Optional[_Union[AlertRouteState, str]] = ..., last_delivered_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_failed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_error: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...
