"""Maintenance windows: made, changed and called off by operators, once, with author, comment and an audit entry."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from luota_svc.model.errors import InvalidRequest, NotFound, PermissionDenied, ResourceConflict
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.maintenance import WindowScope, WindowSettings, WindowTimes
from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.pages import Ask
from luota_svc.usecases import maintenance
from luota_svc.usecases.monitors import create_monitor

HOUR = timedelta(hours=1)
NIGHTLY = WindowTimes(cron="0 3 * * *", timezone="Europe/Helsinki", duration_seconds=3_600)


@pytest.fixture
def settings(installation):
    now = installation.clock.now()
    return WindowSettings(WindowScope(), WindowTimes(now, now + HOUR), "New disks")


@pytest.fixture
def create(installation, house):
    async def create(settings, caller=None, once=None):
        call = (caller or house.olga).call()
        return await maintenance.create_window(installation, call, house.ours, settings, once)

    return create


async def audit(installation, window):
    async with installation.database.unit() as unit:
        return await unit.rows(
            "SELECT action, request_id, before, after FROM audit_entries WHERE target_id = %(id)s"
            " ORDER BY after->>'version'",
            {"id": str(window.id)},
        )


async def test_a_window_is_made_by_an_operator_and_read_by_a_viewer(installation, house, create, settings):
    with pytest.raises(PermissionDenied):
        await create(settings, house.bob)
    with pytest.raises(NotFound):
        await create(settings, house.charlie)
    window = await create(settings)
    assert (window.author, window.settings) == (f"operator of {house.ours}", settings)
    assert await maintenance.get_window(installation, house.bob.call(), window.id) == window
    for look in (maintenance.get_window(installation, house.charlie.call(), window.id),):
        with pytest.raises(NotFound):
            await look
    with pytest.raises(NotFound):
        await maintenance.list_windows(installation, house.charlie.call(), house.ours, Ask())


async def test_every_kind_of_window_is_read_as_it_was_made(installation, house, create, settings):
    monitor = await create_monitor(
        installation, house.olga.call(), house.ours, MonitorSettings("m", "M", MonitorKind.RUN), None
    )
    for scope in (WindowScope(), WindowScope(frozenset({monitor.id})), WindowScope(tags={"db": "main", "a": "b"})):
        for times in (settings.times, NIGHTLY):
            wanted = WindowSettings(scope, times, "Why")
            assert (await create(wanted)).settings == wanted


async def test_a_window_must_name_monitors_of_its_workspace_and_is_told_all_at_once(
    installation, house, create, settings
):
    foreign = await create_monitor(
        installation, house.charlie.call(), house.theirs, MonitorSettings("m", "M", MonitorKind.RUN), None
    )
    with pytest.raises(InvalidRequest) as refused:
        await create(replace(settings, scope=WindowScope(frozenset({foreign.id})), comment=""))
    assert [(problem.field, problem.problem) for problem in refused.value.problems] == [
        ("comment", "must be 1 to 1000 characters"),
        ("monitorIds", f"names no monitor of this workspace: {foreign.id}"),
    ]


async def test_one_key_makes_one_window(installation, house, create, settings):
    once = Idempotency("k", b"h" * 32)
    first = await create(settings, once=once)
    installation.clock.advance(7_200)  # a repeat is answered even where the window is past by then
    assert await create(settings, once=once) == first
    assert len(await audit(installation, first)) == 1


async def test_a_change_is_guarded_by_version_and_kept_with_before_and_after(installation, house, create, settings):
    window = await create(settings)
    call = house.alice.call()
    later = settings.times.ends_at + HOUR
    changed = await maintenance.update_window(installation, call, window.id, {"ends_at": later}, window.version)
    assert (changed.settings.times.ends_at, changed.version) == (later, 2)
    with pytest.raises(ResourceConflict, match="The maintenance window was changed by somebody else"):
        await maintenance.update_window(installation, house.olga.call(), window.id, {"comment": "x"}, window.version)
    made, updated = await audit(installation, window)
    assert (made["action"], made["before"]) == ("maintenance_window.create", None)
    assert (updated["action"], updated["request_id"]) == ("maintenance_window.update", call.request_id)
    assert (updated["before"]["endsAt"], updated["after"]["endsAt"]) == (
        "2026-05-25T13:00:00.000Z",
        "2026-05-25T14:00:00.000Z",
    )


async def test_a_change_that_changes_nothing_leaves_nothing(installation, house, create, settings):
    window = await create(settings)
    same = await maintenance.update_window(
        installation, house.olga.call(), window.id, {"comment": settings.comment}, None
    )
    assert same == window
    assert len(await audit(installation, window)) == 1


async def test_a_window_may_turn_from_once_to_again(installation, house, create, settings):
    window = await create(settings)
    changes = {"starts_at": None, "ends_at": None, "cron": "0 3 * * *", "duration_seconds": 600}
    changed = await maintenance.update_window(installation, house.olga.call(), window.id, changes, None)
    assert changed.settings.times == WindowTimes(cron="0 3 * * *", duration_seconds=600)
    with pytest.raises(InvalidRequest, match="cron: must not be set together with startsAt and endsAt"):
        await maintenance.update_window(
            installation, house.olga.call(), window.id, {"ends_at": settings.times.ends_at}, None
        )


async def test_of_a_window_that_is_past_the_comment_may_be_put_right_and_its_end_not_be_moved_to_the_past(
    installation, house, create, settings
):
    window = await create(settings)
    installation.clock.advance(7_200)
    changed = await maintenance.update_window(installation, house.olga.call(), window.id, {"comment": "Disks"}, None)
    assert changed.settings.comment == "Disks"
    with pytest.raises(InvalidRequest, match="endsAt: must be in the future"):
        await maintenance.update_window(
            installation,
            house.olga.call(),
            window.id,
            {"ends_at": settings.times.ends_at + timedelta(minutes=1)},
            None,
        )


async def test_calling_off_is_soft_once_and_final(installation, house, create, settings):
    window = await create(settings)
    with pytest.raises(ResourceConflict):
        await maintenance.cancel_window(installation, house.olga.call(), window.id, 7)
    gone, again = await asyncio.gather(
        maintenance.cancel_window(installation, house.olga.call(), window.id, 1),
        maintenance.cancel_window(installation, house.alice.call(), window.id, 1),
    )
    assert gone == again
    assert gone.cancelled_at == installation.clock.now()
    assert await maintenance.get_window(installation, house.bob.call(), window.id) == gone
    assert [entry["action"] for entry in await audit(installation, window)] == [
        "maintenance_window.create",
        "maintenance_window.cancel",
    ]
    with pytest.raises(ResourceConflict, match="was cancelled; make another one"):
        await maintenance.update_window(installation, house.olga.call(), window.id, {"comment": "x"}, None)


async def test_two_operators_do_not_overwrite_one_another(installation, house, create, settings):
    window = await create(settings)

    async def change(caller, comment):
        try:
            return await maintenance.update_window(installation, caller.call(), window.id, {"comment": comment}, 1)
        except ResourceConflict:
            return None

    answers = await asyncio.gather(*(change(house.olga if n % 2 else house.alice, f"c{n}") for n in range(6)))
    (won,) = [answer for answer in answers if answer is not None]
    assert await maintenance.get_window(installation, house.bob.call(), window.id) == won


async def test_windows_are_listed_those_made_last_first(installation, house, create, settings):
    made = []
    for _ in range(3):
        installation.clock.advance(1)
        made.append((await create(settings)).id)
    first = await maintenance.list_windows(installation, house.bob.call(), house.ours, Ask(2))
    second = await maintenance.list_windows(installation, house.bob.call(), house.ours, Ask(2, first.next))
    assert [window.id for window in (*first.items, *second.items)] == made[::-1]
    assert second.next is None


async def test_a_workspace_has_a_bounded_number_of_windows_that_are_not_past(
    installation, house, create, settings, monkeypatch
):
    monkeypatch.setattr(maintenance, "STANDING_MAX", 2)
    first = await create(settings)
    await create(settings)
    with pytest.raises(ResourceConflict, match="The workspace has 2 windows that are not past"):
        await create(settings)
    await maintenance.cancel_window(installation, house.olga.call(), first.id, None)
    await create(settings)
