"""Operator tokens: message -> model words -> use case -> message."""

from __future__ import annotations

from luota.v1 import workspace_service_pb2 as rpc
from luota.v1 import workspaces_pb2 as pb
from luota_svc.core.convert import idempotency_of, instant, number_of, optional_id, path_id, text_of, timestamp
from luota_svc.core.paging import newest_ask, next_token
from luota_svc.model.call import Call
from luota_svc.model.errors import FieldProblem, InvalidRequest
from luota_svc.model.operators import OperatorToken, Role
from luota_svc.usecases import operators
from luota_svc.usecases.installation import Installation


async def create_operator_token(
    at: Installation, call: Call, request: rpc.CreateOperatorTokenRequest
) -> pb.OperatorToken:
    """Make a token; its text is in this answer only."""
    wanted = request.operator_token
    made = await operators.create_operator_token(
        at,
        call,
        name=wanted.name,
        role=_role(wanted.role),
        workspace_id=optional_id(wanted.workspace_id, "workspaceId"),
        expires_at=instant(wanted, "expires_at", "expiresAt"),
        once=idempotency_of(call, request),
    )
    return token_message(made.record, made.token)


async def list_operator_tokens(
    at: Installation, call: Call, request: rpc.ListOperatorTokensRequest
) -> rpc.ListOperatorTokensResponse:
    """List the tokens that one may manage, newest first."""
    workspace_id = optional_id(request.workspace_id, "workspaceId")
    page = await operators.list_operator_tokens(at, call, newest_ask(request), workspace_id=workspace_id)
    return rpc.ListOperatorTokensResponse(
        operator_tokens=[token_message(token) for token in page.items], next_page_token=next_token(request, page.next)
    )


async def revoke_operator_token(
    at: Installation, call: Call, request: rpc.RevokeOperatorTokenRequest
) -> pb.OperatorToken:
    """End a token at once."""
    return token_message(await operators.revoke_operator_token(at, call, path_id(request.operator_token_id)))


def token_message(record: OperatorToken, token: str | None = None) -> pb.OperatorToken:
    """Return a token's record as operators read it; its text only where it was made just now."""
    return pb.OperatorToken(
        id=str(record.id),
        name=record.name,
        role=number_of(pb.Role, "ROLE", record.role.name),
        workspace_id=text_of(record.workspace_id),
        created_at=timestamp(record.created_at),
        expires_at=timestamp(record.expires_at),
        revoked_at=timestamp(record.revoked_at),
        last_used_at=timestamp(record.last_used_at),
        token=token,
    )


def _role(number: int) -> Role:
    try:
        return Role[pb.Role.Name(number).removeprefix("ROLE_")]
    except (KeyError, ValueError) as error:
        raise InvalidRequest(FieldProblem("role", "must be viewer, operator or admin")) from error
