"""Ingest keys: message -> model words -> use case -> message."""

from __future__ import annotations

from luota.v1 import workspace_service_pb2 as rpc
from luota.v1 import workspaces_pb2 as pb
from luota_svc.core.convert import idempotency_of, instant, path_id, text_of, timestamp
from luota_svc.core.paging import newest_ask, next_token
from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest
from luota_svc.model.keys import IngestKey
from luota_svc.usecases import keys
from luota_svc.usecases.installation import Installation


async def create_ingest_key(at: Installation, call: Call, request: rpc.CreateIngestKeyRequest) -> pb.IngestKey:
    """Make a key for a workspace or one monitor; the token is in this answer only."""
    made = await keys.create_key(
        at,
        call,
        _scope(request.workspace_id, request.monitor_id),
        name=request.key.name,
        expires_at=instant(request.key, "expires_at", "expiresAt"),
        once=idempotency_of(call, request),
    )
    return key_message(made.key, made.token)


async def list_ingest_keys(
    at: Installation, call: Call, request: rpc.ListIngestKeysRequest
) -> rpc.ListIngestKeysResponse:
    """List the keys of a workspace or of one monitor, newest first."""
    page = await keys.list_keys(at, call, _scope(request.workspace_id, request.monitor_id), newest_ask(request))
    return rpc.ListIngestKeysResponse(
        keys=[key_message(key) for key in page.items], next_page_token=next_token(request, page.next)
    )


async def rotate_ingest_key(at: Installation, call: Call, request: rpc.RotateIngestKeyRequest) -> pb.IngestKey:
    """Replace a key; the new token is in this answer only."""
    made = await keys.rotate_key(at, call, path_id(request.key_id), request.overlap_seconds)
    return key_message(made.key, made.token)


async def revoke_ingest_key(at: Installation, call: Call, request: rpc.RevokeIngestKeyRequest) -> pb.IngestKey:
    """End a key at once."""
    return key_message(await keys.revoke_key(at, call, path_id(request.key_id)))


def key_message(key: IngestKey, token: str | None = None) -> pb.IngestKey:
    """Return a key as operators read it; its token only where it was made just now."""
    return pb.IngestKey(
        id=str(key.id),
        workspace_id=str(key.workspace_id),
        monitor_id=text_of(key.monitor_id),
        name=key.name,
        created_at=timestamp(key.created_at),
        expires_at=timestamp(key.expires_at),
        revoked_at=timestamp(key.revoked_at),
        last_used_at=timestamp(key.last_used_at),
        replaces_id=text_of(key.replaces_id),
        token=token,
    )


def _scope(workspace_id: str, monitor_id: str) -> keys.Scope:
    if bool(workspace_id) == bool(monitor_id):
        raise InvalidRequest(FieldProblem("", "Name either a workspace or a monitor"))
    if monitor_id:
        return keys.Scope(monitor_id=path_id(monitor_id))
    return keys.Scope(workspace_id=path_id(workspace_id))
