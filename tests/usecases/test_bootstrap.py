"""The first admin and the demo: made once, found again, and never raised from the dead."""

import asyncio

import pytest
from tests.management import Caller, make_caller

from luota_svc.model.errors import InvalidRequest, ResourceConflict
from luota_svc.model.monitors import MonitorKind
from luota_svc.model.operators import Role
from luota_svc.model.pages import Ask
from luota_svc.model.routes import RouteKind
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.rules.ingest_key import parse_token
from luota_svc.store import keys
from luota_svc.usecases import delivery_reading, operators, routes, workspaces
from luota_svc.usecases.bootstrap import BootstrapOutcome, ensure_admin
from luota_svc.usecases.demo import ensure_demo
from luota_svc.usecases.keys import revoke_key


async def test_a_token_that_is_made_here_is_the_instances_admin(installation):
    made = await ensure_admin(installation.database, installation.clock, None)
    assert made.outcome is BootstrapOutcome.CREATED
    listed = await operators.list_operator_tokens(
        installation, Caller(installation, made.token).call(), Ask(), workspace_id=None
    )
    assert [(token.name, token.role, token.workspace_id) for token in listed.items] == [("bootstrap", Role.ADMIN, None)]


async def test_bootstrapping_twice_and_at_once_makes_one_token(installation):
    made = await ensure_admin(installation.database, installation.clock, None)
    again = await asyncio.gather(
        *(ensure_admin(installation.database, installation.clock, f" {made.token}\n") for _ in range(3))
    )
    assert {(one.outcome, one.token) for one in again} == {(BootstrapOutcome.STANDS, made.token)}


async def test_a_bootstrap_token_that_was_revoked_stays_revoked(installation):
    made = await ensure_admin(installation.database, installation.clock, None)
    admin = await make_caller(installation, Role.ADMIN)
    await operators.revoke_operator_token(installation, admin.call(), parse_token(made.token).key_id)
    again = await ensure_admin(installation.database, installation.clock, made.token)
    assert again.outcome is BootstrapOutcome.ENDED


async def test_a_text_that_is_no_operator_token_is_refused_without_being_repeated(installation):
    text = "hunter2-is-a-secret"
    with pytest.raises(InvalidRequest) as refused:
        await ensure_admin(installation.database, installation.clock, text)
    assert text not in str(refused.value)


async def test_a_token_whose_id_is_somebody_elses_is_refused(installation):
    made = await ensure_admin(installation.database, installation.clock, None)
    with pytest.raises(ResourceConflict):
        await ensure_admin(installation.database, installation.clock, made.token[:-43] + "A" * 43)


async def test_the_demo_has_a_monitor_of_each_kind_with_keys_and_an_admin(installation):
    demo = await ensure_demo(installation)
    assert {monitor.kind for monitor in demo.monitors} == set(MonitorKind)
    admin = Caller(installation, demo.operator_token)
    listed = await workspaces.list_workspaces(installation, admin.call(), Ask())
    assert [workspace.id for workspace in listed.items] == [demo.workspace_id]
    async with installation.database.unit() as unit:
        for token, monitor_id in [
            (demo.workspace_key, None),
            *((monitor.key, monitor.id) for monitor in demo.monitors),
        ]:
            facts = await keys.alive_facts(unit, parse_token(token).key_id)
            assert (facts.workspace_id, facts.monitor_id) == (demo.workspace_id, monitor_id)


def tokens_of(demo) -> frozenset[str]:
    return frozenset({demo.workspace_key, demo.operator_token, *(monitor.key for monitor in demo.monitors)})


async def test_the_demo_is_found_again_with_the_tokens_that_were_kept(installation):
    demo = await ensure_demo(installation)
    assert await ensure_demo(installation, tokens_of(demo)) == demo


async def test_of_the_demo_only_what_is_missing_is_made_again(installation):
    demo = await ensure_demo(installation)
    admin = Caller(installation, demo.operator_token)
    await revoke_key(installation, admin.call(), parse_token(demo.monitors[0].key).key_id)
    again = await ensure_demo(installation, tokens_of(demo) | {"nonsense"})
    assert again.monitors[0].key != demo.monitors[0].key
    assert (again.workspace_key, again.monitors[1:]) == (demo.workspace_key, demo.monitors[1:])


async def test_everything_of_the_demo_is_told_to_the_inbox_by_one_route_which_is_made_again_if_it_is_gone(
    installation, ingest
):
    demo = await ensure_demo(installation)
    await ensure_demo(installation, tokens_of(demo))
    admin = Caller(installation, demo.operator_token)
    (route,) = (await routes.list_routes(installation, admin.call(), demo.workspace_id, Ask())).items
    assert (route.settings.kind, route.settings.monitor_ids, route.settings.enabled) == (
        RouteKind.INBOX,
        frozenset(),
        True,
    )
    job = Caller(installation, demo.workspace_key)
    failed = await ingest.report(
        job.call(), Report(SignalType.FINISH, Evidence(exit_code=1), monitor="nightly-backup", external_run_id="r")
    )
    page = await delivery_reading.list_deliveries(installation, admin.call(), failed.incident.id, Ask())
    assert [delivery.route_id for delivery in page.items] == [route.id]
    await routes.delete_route(installation, admin.call(), route.id, None)
    await ensure_demo(installation, tokens_of(demo))
    (again,) = (await routes.list_routes(installation, admin.call(), demo.workspace_id, Ask())).items
    assert again.id != route.id
