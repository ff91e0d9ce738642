"""Deliveries: message -> model words -> use case -> message."""

from __future__ import annotations

from datetime import datetime

from luota.v1 import deliveries_pb2 as pb
from luota.v1 import delivery_service_pb2 as rpc
from luota_svc.core.convert import idempotency_of, number_of, path_id, text_of, timestamp
from luota_svc.core.paging import newest_ask, next_token
from luota_svc.model.call import Call
from luota_svc.model.delivery_reading import Attempt, Delivery
from luota_svc.rules.delivery_telling import next_action
from luota_svc.usecases import delivery_reading
from luota_svc.usecases.installation import Installation


async def list_deliveries(
    at: Installation, call: Call, request: rpc.ListDeliveriesRequest
) -> rpc.ListDeliveriesResponse:
    """List an incident's, newest first."""
    page = await delivery_reading.list_deliveries(at, call, path_id(request.incident_id), newest_ask(request))
    now = at.clock.now()
    return rpc.ListDeliveriesResponse(
        deliveries=[delivery_message(delivery, now) for delivery in page.items],
        next_page_token=next_token(request, page.next),
    )


async def get_delivery(at: Installation, call: Call, request: rpc.GetDeliveryRequest) -> pb.Delivery:
    """Read one."""
    delivery = await delivery_reading.get_delivery(at, call, path_id(request.delivery_id))
    return delivery_message(delivery, at.clock.now())


async def replay_delivery(at: Installation, call: Call, request: rpc.ReplayDeliveryRequest) -> pb.Delivery:
    """Tell the same again; answers the new one."""
    once = idempotency_of(call, request)
    replay = await delivery_reading.replay_delivery(at, call, path_id(request.delivery_id), once)
    return delivery_message(replay, at.clock.now())


def delivery_message(delivery: Delivery, now: datetime) -> pb.Delivery:
    """Return a delivery as operators read it at an instant."""
    return pb.Delivery(
        id=str(delivery.id),
        route_id=str(delivery.route_id),
        route_name=delivery.route_name,
        reason=number_of(pb.DeliveryReason, "DELIVERY_REASON", delivery.reason),
        state=number_of(pb.DeliveryState, "DELIVERY_STATE", delivery.state),
        incident_ids=[str(incident_id) for incident_id in delivery.incident_ids],
        attempt_count=delivery.attempt_count,
        next_attempt_at=timestamp(delivery.next_attempt_at),
        provider_id=delivery.provider_id,
        request_id=delivery.request_id,
        error=delivery.error,
        expires_at=timestamp(delivery.expires_at),
        created_at=timestamp(delivery.created_at),
        settled_at=timestamp(delivery.settled_at),
        replay_of=text_of(delivery.replay_of),
        gathered_into=text_of(delivery.gathered_into),
        next_action=next_action(delivery, now),
        attempts=[attempt_message(attempt) for attempt in delivery.attempts],
    )


def attempt_message(attempt: Attempt) -> pb.DeliveryAttempt:
    """Return one attempt as operators read it."""
    return pb.DeliveryAttempt(
        number=attempt.number,
        started_at=timestamp(attempt.started_at),
        duration_ms=attempt.duration_ms,
        outcome=number_of(pb.AttemptOutcome, "ATTEMPT_OUTCOME", attempt.outcome),
        http_status=attempt.http_status,
        provider_id=attempt.provider_id,
        error=attempt.error,
        retry_after_seconds=attempt.retry_after_seconds,
        late=attempt.late,
        trace_id=attempt.trace_id,
        reply=attempt.reply,
        resolved_address=attempt.resolved_address,
    )
