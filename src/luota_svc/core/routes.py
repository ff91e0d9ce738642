"""Alert routes: message -> model words -> use case -> message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from luota.v1 import alert_route_service_pb2 as rpc
from luota.v1 import alert_routes_pb2 as pb
from luota.v1 import incidents_pb2
from luota_svc.core.convert import body_id, idempotency_of, masked_paths, number_of, path_id, timestamp, word_of
from luota_svc.core.paging import newest_ask, next_token
from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest
from luota_svc.model.monitors import Severity
from luota_svc.model.routes import Route, RouteKind, RouteSettings, Target
from luota_svc.usecases import routes
from luota_svc.usecases.installation import Installation

_SETTINGS: Final = ("name", "kind", "monitor_ids", "min_severity", "fallback", "after_seconds", "enabled")
_KINDS: Final = tuple(kind.value for kind in RouteKind)
# Field of a message -> member of the target, by kind.
_MEMBERS: Final[dict[RouteKind, dict[str, str]]] = {
    RouteKind.WEBHOOK: {"url": "url", "secret": "secret"},
    RouteKind.EMAIL: {"to": "to"},
    RouteKind.SLACK: {"url": "url"},
    RouteKind.PAGERDUTY: {"routing_key": "routingKey", "webhook_secret": "webhookSecret", "region": "region"},
    RouteKind.ALERTMANAGER: {
        "url": "url",
        "username": "username",
        "password": "password",
        "bearer_token": "bearerToken",
    },
    RouteKind.APPRISE: {"url": "url"},
    RouteKind.INBOX: {},
}
_MASK: Final = {
    **{name: (name,) for name in (*_SETTINGS, *_KINDS)},
    **{f"{kind.value}.{field}": (kind.value,) for kind, members in _MEMBERS.items() for field in members},
}
_DERIVED: Final = frozenset(
    {
        "id",
        "workspace_id",
        "webhook.previous_secret_until",
        "state",
        "last_delivered_at",
        "last_failed_at",
        "last_error",
        "created_at",
        "updated_at",
        "version",
    }
)


async def create_alert_route(at: Installation, call: Call, request: rpc.CreateAlertRouteRequest) -> pb.AlertRoute:
    """Make one; a kind that is not said is the target's."""
    wanted = request.route
    values, given = _values(wanted), _given(wanted)
    kind = values["kind"] or (next(iter(given)) if len(given) == 1 else None)
    if kind is None:
        raise InvalidRequest(_no_kind(given))
    settings = RouteSettings(**{**values, "kind": kind})
    made = await routes.create_route(
        at, call, path_id(request.workspace_id), settings, given, idempotency_of(call, request)
    )
    return route_message(made.route, at.clock.now(), made.secret)


async def list_alert_routes(
    at: Installation, call: Call, request: rpc.ListAlertRoutesRequest
) -> rpc.ListAlertRoutesResponse:
    """List a workspace's, those made last first."""
    page = await routes.list_routes(at, call, path_id(request.workspace_id), newest_ask(request))
    now = at.clock.now()
    return rpc.ListAlertRoutesResponse(
        routes=[route_message(route, now) for route in page.items], next_page_token=next_token(request, page.next)
    )


async def get_alert_route(at: Installation, call: Call, request: rpc.GetAlertRouteRequest) -> pb.AlertRoute:
    """Read one."""
    return route_message(await routes.get_route(at, call, path_id(request.route_id)), at.clock.now())


async def update_alert_route(at: Installation, call: Call, request: rpc.UpdateAlertRouteRequest) -> pb.AlertRoute:
    """Change what the mask names."""
    wanted = request.route
    named = masked_paths(request.update_mask, _MASK, _DERIVED)
    values = _values(wanted)
    changes: dict[str, Any] = {name: values[name] for name in _SETTINGS if name in named}
    if changes.get("kind", "") is None:
        # Not said, and fixed in any case.
        del changes["kind"]
    given = {kind: target for kind, target in _given(wanted).items() if kind.value in named}
    made = await routes.update_route(at, call, path_id(request.route_id), changes, given, wanted.version or None)
    return route_message(made.route, at.clock.now(), made.secret)


async def delete_alert_route(at: Installation, call: Call, request: rpc.DeleteAlertRouteRequest) -> Empty:
    """Delete one softly."""
    version = request.version if request.HasField("version") else None
    await routes.delete_route(at, call, path_id(request.route_id), version)
    return Empty()


async def send_test_alert(at: Installation, call: Call, request: rpc.SendTestAlertRequest) -> rpc.SendTestAlertResponse:
    """Send a test alert through one."""
    delivery_id = await routes.send_test_alert(at, call, path_id(request.route_id))
    return rpc.SendTestAlertResponse(delivery_id=str(delivery_id))


async def rotate_webhook_secret(at: Installation, call: Call, request: rpc.RotateWebhookSecretRequest) -> pb.AlertRoute:
    """Give a webhook a new secret, which is in this answer only."""
    made = await routes.rotate_secret(at, call, path_id(request.route_id))
    return route_message(made.route, at.clock.now(), made.secret)


def route_message(route: Route, now: datetime, secret: str | None = None) -> pb.AlertRoute:
    """Return a route as operators read it at an instant; its secret only where it was made just now."""
    settings = route.settings
    message = pb.AlertRoute(
        id=str(route.id),
        workspace_id=str(route.workspace_id),
        name=settings.name,
        kind=number_of(pb.AlertRouteKind, "ALERT_ROUTE_KIND", settings.kind),
        monitor_ids=[str(monitor_id) for monitor_id in sorted(settings.monitor_ids)],
        min_severity=number_of(incidents_pb2.Severity, "SEVERITY", settings.min_severity),
        fallback=settings.fallback,
        after_seconds=settings.after_seconds,
        enabled=settings.enabled,
        state=number_of(pb.AlertRouteState, "ALERT_ROUTE_STATE", route.state),
        last_delivered_at=timestamp(route.last_delivered_at),
        last_failed_at=timestamp(route.last_failed_at),
        last_error=route.last_error,
        created_at=timestamp(route.created_at),
        updated_at=timestamp(route.updated_at),
        version=route.version,
    )
    part: Any = getattr(message, settings.kind.value)
    part.SetInParent()
    _fill(part, settings.kind, route.shown, now)
    if secret is not None:
        message.webhook.secret = secret
    return message


def _fill(part: Any, kind: RouteKind, shown: Target, now: datetime) -> None:
    for field, member in _MEMBERS[kind].items():
        if member not in shown:
            continue
        if field == "to":
            part.to.extend(shown[member])
        else:
            setattr(part, field, shown[member])
    until = datetime.fromisoformat(shown["previousSecretUntil"]) if "previousSecretUntil" in shown else None
    if until is not None and until > now:
        part.previous_secret_until.CopyFrom(timestamp(until))


def _values(message: pb.AlertRoute) -> dict[str, Any]:
    """Return every setting as a message says it or by its default; a kind that is not said is None."""
    severity = word_of(incidents_pb2.Severity, "SEVERITY", message.min_severity, Severity, "minSeverity")
    return {
        "name": message.name,
        "kind": word_of(pb.AlertRouteKind, "ALERT_ROUTE_KIND", message.kind, RouteKind, "kind"),
        "monitor_ids": frozenset(body_id(text, "monitorIds") for text in message.monitor_ids),
        "min_severity": severity or Severity.INFO,
        "fallback": message.fallback,
        "after_seconds": message.after_seconds,
        "enabled": message.enabled if message.HasField("enabled") else True,
    }


def _no_kind(given: Mapping[RouteKind, Target]) -> FieldProblem:
    if given:
        return FieldProblem("kind", f"can't be told: a route has one target, and {' and '.join(given)} are given")
    return FieldProblem("kind", f"is required: one of {', '.join(_KINDS)}")


def _given(message: pb.AlertRoute) -> dict[RouteKind, Target]:
    """Return what is given of targets, by kind."""
    return {kind: _target(getattr(message, kind.value), kind) for kind in RouteKind if message.HasField(kind.value)}


def _target(part: Message, kind: RouteKind) -> Target:
    if isinstance(part, pb.EmailTarget):
        return {"to": list(part.to)}
    return {member: getattr(part, field) for field, member in _MEMBERS[kind].items() if part.HasField(field)}
