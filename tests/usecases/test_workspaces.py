"""Workspaces: who may, one version at a time, one key one workspace, every change audited."""

import asyncio

import pytest
from tests.management import Caller

from luota_svc.model.errors import (
    InvalidOperatorToken,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ResourceConflict,
)
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.pages import Ask
from luota_svc.model.workspaces import WorkspaceSettings
from luota_svc.store import audit
from luota_svc.usecases import workspaces

NEW = WorkspaceSettings("new", "New")


async def entries(installation, workspace_id):
    async with installation.database.unit() as unit:
        page = await audit.page(unit, workspace_id, Ask(100))
    return [(entry.action, entry.actor.name, entry.before, entry.after, entry.request_id) for entry in page.items]


async def test_only_the_instances_admin_makes_workspaces(installation, house):
    for caller in (house.alice, house.bob, house.charlie):
        with pytest.raises(PermissionDenied):
            await workspaces.create_workspace(installation, caller.call(), NEW, None)
    made = await workspaces.create_workspace(installation, house.root.call(), NEW, None)
    assert (made.settings, made.version) == (NEW, 1)


async def test_an_operator_sees_their_own_workspace_and_not_even_the_name_of_another(installation, house):
    assert (await workspaces.get_workspace(installation, house.bob.call(), house.ours)).settings.slug == "ours"
    with pytest.raises(NotFound):
        await workspaces.get_workspace(installation, house.bob.call(), house.theirs)
    listed = await workspaces.list_workspaces(installation, house.bob.call(), Ask())
    assert [workspace.id for workspace in listed.items] == [house.ours]
    everything = await workspaces.list_workspaces(installation, house.root.call(), Ask())
    assert [workspace.id for workspace in everything.items] == [house.ours, house.theirs]


async def test_a_workspace_is_changed_by_its_own_admin_only(installation, house):
    for caller, refusal in ((house.bob, PermissionDenied), (house.olga, PermissionDenied), (house.charlie, NotFound)):
        with pytest.raises(refusal):
            await workspaces.update_workspace(installation, caller.call(), house.ours, {"name": "X"}, None)
    changed = await workspaces.update_workspace(installation, house.alice.call(), house.ours, {"name": "X"}, None)
    assert (changed.settings.name, changed.version) == ("X", 2)


async def test_every_change_leaves_who_what_before_and_after(installation, house):
    call = house.alice.call()
    await workspaces.update_workspace(installation, call, house.ours, {"limit_workspace_minute": 9}, None)
    action, actor, before, after, request_id = (await entries(installation, house.ours))[0]
    assert (action, actor, request_id) == ("workspace.update", f"admin of {house.ours}", call.request_id)
    assert (before["limits"]["workspaceMinute"], after["limits"]["workspaceMinute"]) == (None, 9)


async def test_a_change_that_changes_nothing_leaves_no_trace(installation, house):
    same = await workspaces.update_workspace(installation, house.alice.call(), house.ours, {"name": "Ours"}, None)
    assert same.version == 1
    assert [entry[0] for entry in await entries(installation, house.ours)] == ["workspace.create"]


async def test_a_version_that_has_passed_is_refused(installation, house):
    await workspaces.update_workspace(installation, house.alice.call(), house.ours, {"name": "A"}, 1)
    with pytest.raises(ResourceConflict, match="changed by somebody else; read it again"):
        await workspaces.update_workspace(installation, house.alice.call(), house.ours, {"name": "B"}, 1)


async def test_of_two_changes_to_one_version_at_once_one_wins(installation, house):
    results = await asyncio.gather(
        *(
            workspaces.update_workspace(installation, house.alice.call(), house.ours, {"name": name}, 1)
            for name in ("A", "B")
        ),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["ResourceConflict", "Workspace"]


async def test_a_slug_is_taken_once(installation, house):
    with pytest.raises(ResourceConflict, match="slug exists already"):
        await workspaces.create_workspace(installation, house.root.call(), WorkspaceSettings("ours", "O"), None)


async def test_what_is_wrong_is_said_all_at_once_and_before_the_token_is_judged(installation):
    wrong = WorkspaceSettings("Bad Slug", "", limit_workspace_minute=-1)
    with pytest.raises(InvalidRequest) as refused:
        await workspaces.create_workspace(installation, Caller(installation, "").call(), wrong, None)
    assert [problem.field for problem in refused.value.problems] == ["slug", "name", "limits.workspaceMinute"]


async def test_one_idempotency_key_makes_one_workspace(installation, house):
    once = Idempotency("k", b"same")
    first = await workspaces.create_workspace(installation, house.root.call(), NEW, once)
    again = await workspaces.create_workspace(installation, house.root.call(), NEW, once)
    assert again == first
    with pytest.raises(ResourceConflict, match="used for another request"):
        await workspaces.create_workspace(
            installation, house.root.call(), WorkspaceSettings("other", "O"), Idempotency("k", b"other")
        )
    assert [entry[0] for entry in await entries(installation, first.id)] == ["workspace.create"]


async def test_of_two_creates_under_one_idempotency_key_at_once_both_get_the_same_workspace(installation, house):
    once = Idempotency("k", b"same")
    made = await asyncio.gather(
        *(workspaces.create_workspace(installation, house.root.call(), NEW, once) for _ in range(4))
    )
    assert len({workspace.id for workspace in made}) == 1


async def test_no_token_and_every_wrong_token_get_one_answer(installation, house):
    right = house.bob.token
    other_secret = right[:-43] + house.alice.token[-43:]
    wrong = ["", "nonsense", right[:-1], other_secret, right.replace("wfop1", "wfws1"), right + " "]
    for token in wrong:
        with pytest.raises(InvalidOperatorToken):
            await workspaces.list_workspaces(installation, Caller(installation, token).call(), Ask())
    two = house.bob.call(credentials=(house.bob.token, house.alice.token))
    with pytest.raises(InvalidOperatorToken):
        await workspaces.list_workspaces(installation, two, Ask())


async def test_the_support_record_learns_who_called_about_what(installation, house):
    call = house.bob.call()
    await workspaces.get_workspace(installation, call, house.ours)
    assert call.subject == {"actor": f"viewer of {house.ours}", "workspace_id": str(house.ours)}
    foreign = house.charlie.call()
    with pytest.raises(NotFound):
        await workspaces.get_workspace(installation, foreign, house.ours)
    assert "workspace_id" not in foreign.subject
