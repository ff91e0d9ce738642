"""Operator tokens: nobody makes one that is wider than their own, and a dead one opens nothing."""

from datetime import timedelta

import pytest
from tests.management import Caller, make_caller

from luota_svc.model.errors import InvalidOperatorToken, InvalidRequest, NotFound, PermissionDenied
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask
from luota_svc.store import operators as token_rows
from luota_svc.usecases import operators, workspaces


async def make(caller, role=Role.VIEWER, workspace_id=None, *, name="New", expires_at=None, once=None):
    return await operators.create_operator_token(
        caller.installation,
        caller.call(),
        name=name,
        role=role,
        workspace_id=workspace_id,
        expires_at=expires_at,
        once=once,
    )


async def test_a_workspaces_admin_makes_tokens_for_that_workspace_only(house):
    made = await make(house.alice, Role.ADMIN, house.ours)
    assert (made.record.role, made.record.workspace_id, made.token[:6]) == (Role.ADMIN, house.ours, "wfop1.")
    with pytest.raises(NotFound):
        await make(house.alice, Role.VIEWER, house.theirs)
    with pytest.raises(PermissionDenied):
        await make(house.alice, Role.VIEWER, None)
    for caller in (house.bob, house.olga):
        with pytest.raises(PermissionDenied):
            await make(caller, Role.VIEWER, house.ours)


async def test_roles_of_the_instance_below_admin_make_no_token(installation, house):
    for role in (Role.VIEWER, Role.OPERATOR):
        with pytest.raises(PermissionDenied):
            await make(await make_caller(installation, role), Role.VIEWER, house.ours)


async def test_a_new_token_opens_what_it_says_and_is_remembered_as_used(installation, house):
    made = await make(house.root, Role.VIEWER, house.ours)
    caller = Caller(installation, made.token)
    await workspaces.get_workspace(installation, caller.call(), house.ours)
    async with installation.database.unit() as unit:
        first = await token_rows.get(unit, made.record.id)
    assert first.last_used_at is not None
    await workspaces.get_workspace(installation, caller.call(), house.ours)
    async with installation.database.unit() as unit:
        assert (await token_rows.get(unit, made.record.id)).last_used_at == first.last_used_at


async def test_a_revoked_token_opens_nothing_from_the_next_call_on(installation, house):
    made = await make(house.alice, Role.ADMIN, house.ours)
    caller = Caller(installation, made.token)
    await operators.revoke_operator_token(installation, caller.call(), made.record.id)
    with pytest.raises(InvalidOperatorToken):
        await workspaces.get_workspace(installation, caller.call(), house.ours)
    again = await operators.revoke_operator_token(installation, house.alice.call(), made.record.id)
    assert again.revoked_at is not None


async def test_expiry_is_judged_by_the_databases_clock(installation, house):
    made = await make(house.alice, Role.VIEWER, house.ours, expires_at=installation.clock.now() + timedelta(days=3_650))
    async with installation.database.unit() as unit:
        await unit.run("UPDATE operator_tokens SET expires_at = now() WHERE id = %(id)s", {"id": made.record.id})
    with pytest.raises(InvalidOperatorToken):
        await workspaces.get_workspace(installation, Caller(installation, made.token).call(), house.ours)


async def test_a_token_that_one_may_not_know_of_cannot_be_revoked(installation, house):
    for target in (house.root, house.charlie):
        with pytest.raises(NotFound):
            await operators.revoke_operator_token(installation, house.alice.call(), target.id)
    with pytest.raises(PermissionDenied):
        await operators.revoke_operator_token(installation, house.bob.call(), house.alice.id)
    await operators.revoke_operator_token(installation, house.root.call(), house.charlie.id)


async def test_lists_show_what_one_may_manage(installation, house):
    ours = await operators.list_operator_tokens(installation, house.alice.call(), Ask(), workspace_id=None)
    assert {token.id for token in ours.items} == {house.alice.id, house.olga.id, house.bob.id}
    everything = await operators.list_operator_tokens(installation, house.root.call(), Ask(), workspace_id=None)
    assert len(everything.items) == 5
    theirs = await operators.list_operator_tokens(installation, house.root.call(), Ask(), workspace_id=house.theirs)
    assert [token.id for token in theirs.items] == [house.charlie.id]
    with pytest.raises(NotFound):
        await operators.list_operator_tokens(installation, house.alice.call(), Ask(), workspace_id=house.theirs)
    with pytest.raises(PermissionDenied):
        await operators.list_operator_tokens(installation, house.bob.call(), Ask(), workspace_id=None)


async def test_a_repeated_create_answers_the_first_record_without_its_token(house):
    once = Idempotency("k", b"h")
    first = await make(house.alice, Role.VIEWER, house.ours, once=once)
    again = await make(house.alice, Role.VIEWER, house.ours, once=once)
    assert (again.record.id, again.token) == (first.record.id, None)
    # The same key of somebody else is another key.
    assert (await make(house.root, Role.VIEWER, house.ours, once=once)).record.id != first.record.id


async def test_a_token_without_a_name_is_refused(house):
    with pytest.raises(InvalidRequest, match="name: is required"):
        await make(house.alice, Role.VIEWER, house.ours, name=" ")
