"""What a change of a route does to its proof, to what waits for it and to its destination."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.usecases.made_routes import (
    OTHER,
    URL,
    WEBHOOK,
    audit,
    break_destination,
    create,
    delivery,
    destination,
    owe,
    rows,
    update,
)

from luota_svc.model.errors import InvalidRequest, ResourceConflict
from luota_svc.model.monitors import MonitorKind, MonitorSettings, Severity
from luota_svc.model.routes import RouteKind, RouteState
from luota_svc.usecases import routes
from luota_svc.usecases.monitors import create_monitor

__all__ = ["create", "delivery", "owe", "rows", "update"]


async def test_a_change_is_guarded_by_version_and_kept_with_before_and_after(installation, house, create, update, rows):
    route = await create()
    changed = await update(route, version=1, name="Nights", min_severity=Severity.CRITICAL, fallback=True)
    assert (changed.settings.name, changed.settings.min_severity, changed.version) == ("Nights", Severity.CRITICAL, 2)
    with pytest.raises(ResourceConflict, match="The alert route was changed by somebody else"):
        await update(route, version=1, name="Days")
    with pytest.raises(ResourceConflict, match="The alert route was changed by somebody else"):
        await routes.delete_route(installation, house.olga.call(), route.id, 1)
    _, (action, before, after) = await audit(rows, route)
    assert (action, before["name"], after["name"]) == ("alert_route.update", "On call", "Nights")
    assert after["webhook"] == {"url": "https://hooks.example.com/…cdef", "secret": "***"}


async def test_what_was_read_can_be_sent_back_and_is_no_change(create, update, rows):
    route = await create()
    same = await update(route, {RouteKind.WEBHOOK: route.shown}, name="On call", kind=RouteKind.WEBHOOK)
    assert same == route
    assert len(await audit(rows, route)) == 1


async def test_what_is_fixed_or_foreign_is_refused(create, update):
    route = await create()
    with pytest.raises(InvalidRequest) as refused:
        await update(route, {RouteKind.SLACK: {"url": URL}}, kind=RouteKind.SLACK)
    assert [(problem.field, problem.problem) for problem in refused.value.problems] == [
        ("slack", "is no target of a route of kind webhook"),
        ("kind", "is fixed at creation"),
    ]


async def test_a_monitor_that_was_deleted_since_hinders_no_change(installation, house, create, update, rows):
    monitor = await create_monitor(
        installation, house.olga.call(), house.ours, MonitorSettings("m", "M", MonitorKind.RUN), None
    )
    route = await create(replace(WEBHOOK, monitor_ids=frozenset({monitor.id})))
    await rows("UPDATE monitors SET deleted_at = now() WHERE id = %(id)s", id=monitor.id)
    assert (await update(route, name="Nights", monitor_ids=frozenset({monitor.id}))).version == 2
    with pytest.raises(InvalidRequest, match="names no monitor of this workspace"):
        await update(route, monitor_ids=frozenset({UUID(int=1)}))


async def test_another_target_is_unproven_and_what_waits_goes_there_at_once(
    installation, house, create, update, owe, delivery, rows
):
    elsewhere = await create(replace(WEBHOOK, name="Elsewhere"), {RouteKind.WEBHOOK: {"url": OTHER}})
    route = await create(given={RouteKind.WEBHOOK: {"url": URL}})
    await rows(
        "UPDATE alert_routes SET state = 'broken', last_error = 'gone', last_failed_at = now() WHERE id = %(id)s",
        id=route.id,
    )
    waiting = [await owe(route), await owe(route, "failed_retrying"), await owe(route, "failed_retrying", "test")]
    flying, done = await owe(route, "sending"), await owe(route, "delivered")
    later = await owe(route, reason="escalation", due_in=timedelta(minutes=30))
    foreign = await owe(elsewhere, "failed_retrying")
    before = await delivery(done)
    await break_destination(rows, installation, elsewhere)
    installation.clock.advance(10)
    changed = await update(route, {RouteKind.WEBHOOK: {"url": OTHER}})
    assert (changed.state, changed.last_error, changed.last_failed_at) == (RouteState.UNPROVEN, None, None)
    now = installation.clock.now()
    stands = await destination(rows, route)
    assert (stands["failures_in_row"], stands["open_until"], stands["open_seconds"]) == (0, None, None)
    for delivery_id in waiting:
        row = await delivery(delivery_id)
        assert bytes(row["destination"]) == bytes(stands["destination"])
        assert row["next_attempt_at"] <= now
    assert (await delivery(later))["next_attempt_at"] == now - timedelta(seconds=10) + timedelta(minutes=30)
    sent = await delivery(flying)
    assert (sent["state"], sent["next_attempt_at"]) == ("sending", None)
    assert bytes(sent["destination"]) == bytes(stands["destination"])
    assert await delivery(done) == before
    assert (await delivery(foreign))["next_attempt_at"] > now


async def test_a_change_of_name_leaves_proof_and_duties_alone(installation, create, update, owe, delivery, rows):
    route = await create()
    await rows("UPDATE alert_routes SET state = 'proven' WHERE id = %(id)s", id=route.id)
    waiting = await owe(route, "failed_retrying")
    before = await delivery(waiting)
    assert (await update(route, name="Nights")).state is RouteState.PROVEN
    assert await delivery(waiting) == before


async def test_a_new_route_keeps_what_the_breaker_of_its_destination_remembers(installation, create, rows):
    route = await create()
    await break_destination(rows, installation, route)
    twin = await create(replace(WEBHOOK, name="Twin"))
    assert (await destination(rows, twin))["failures_in_row"] == 7


@pytest.mark.parametrize(("how", "error"), [("disable", "the route was disabled"), ("delete", "the route was deleted")])
async def test_what_waits_for_a_route_that_takes_nothing_any_more_ends(
    installation, house, create, update, owe, delivery, how, error
):
    route = await create()
    waiting = [await owe(route), await owe(route, "failed_retrying"), await owe(route, reason="escalation")]
    silent = [await owe(route, reason=reason) for reason in ("test", "drill", "route_failure")]
    flying = await owe(route, "sending")
    if how == "disable":
        await update(route, enabled=False)
    else:
        await routes.delete_route(installation, house.olga.call(), route.id, 1)
    now = installation.clock.now()
    for delivery_id in (*waiting, *silent):
        row = await delivery(delivery_id)
        assert (row["state"], row["last_error"], row["settled_at"]) == ("failed_terminal", error, now)
        assert (row["next_attempt_at"], row["live"], row["unnoted"]) == (None, False, True)
        assert row["fallback_due_at"] == (now if delivery_id in waiting else None)
    sent = await delivery(flying)
    assert (sent["state"], sent["live"]) == ("sending", True)


async def test_a_route_that_is_disabled_with_another_target_ends_what_waits_and_moves_nothing(
    create, update, owe, delivery
):
    route = await create()
    waiting = await owe(route)
    before = await delivery(waiting)
    await update(route, {RouteKind.WEBHOOK: {"url": OTHER}}, enabled=False)
    ended = await delivery(waiting)
    assert ended["state"] == "failed_terminal"
    assert ended["destination"] == before["destination"]
    assert (await update(route, enabled=True)).settings.enabled


async def test_a_route_that_is_enabled_forgets_what_failed_there(installation, create, update, owe, delivery, rows):
    route = await create(replace(WEBHOOK, enabled=False))
    await break_destination(rows, installation, route)
    # Written by a batch that had read the route before it was disabled.
    waiting = await owe(route, "failed_retrying")
    await update(route, enabled=True)
    assert (await destination(rows, route))["open_until"] is None
    assert (await delivery(waiting))["next_attempt_at"] <= installation.clock.now()


async def test_of_two_changes_at_once_both_are_kept_and_neither_hangs(create, update, owe, rows):
    route = await create()
    for _ in range(5):
        await owe(route, "failed_retrying")
    await asyncio.gather(
        update(route, {RouteKind.WEBHOOK: {"url": OTHER}}),
        update(route, name="Nights"),
        update(route, enabled=False),
        update(route, fallback=True),
    )
    (row,) = await rows("SELECT version, name, enabled, fallback, target_mask FROM alert_routes")
    assert (row["version"], row["name"], row["enabled"], row["fallback"]) == (5, "Nights", False, True)
    assert json.loads(row["target_mask"])["url"] == "https://hooks.example.com/…3210"
