"""Incidents that are taken, given to somebody and written about: each is said once, and by whom."""

import asyncio
from datetime import timedelta

import pytest
from tests.usecases.failing_monitor import BACKUP, fail, monitor, resolve

from luota_svc.model.errors import InvalidRequest, NotFound, PermissionDenied, ResourceConflict
from luota_svc.model.incidents import IncidentFilter, IncidentState, StateFilter
from luota_svc.model.monitors import Severity
from luota_svc.model.pages import Ask
from luota_svc.usecases import incidents

__all__ = ["fail", "monitor"]


async def acknowledge(house, incident, caller=None, *, until=None, note="", version=None):
    call = (caller or house.olga).call()
    return await incidents.acknowledge_incident(
        house.installation, call, incident.id, until=until, note=note, version=version
    )


async def assign(house, incident, assignee, caller=None, *, version=None):
    call = (caller or house.olga).call()
    return await incidents.assign_incident(house.installation, call, incident.id, assignee=assignee, version=version)


async def add_note(house, incident, note, caller=None, *, version=None):
    call = (caller or house.olga).call()
    return await incidents.add_note(house.installation, call, incident.id, note=note, version=version)


async def timeline(house, incident):
    page = await incidents.list_incident_events(house.installation, house.bob.call(), incident.id, Ask())
    return [(entry.number, entry.event.value, entry.detail) for entry in page.items]


async def audited(installation, incident):
    async with installation.database.unit() as unit:
        rows = await unit.rows(
            "SELECT action FROM audit_entries WHERE target_id = %(id)s ORDER BY at, id", {"id": str(incident.id)}
        )
    return [row["action"] for row in rows]


async def test_taking_one_stops_its_reminders_and_says_who_has_it_until_when(installation, house, fail):
    incident = await fail(2)
    now = installation.clock.now()
    async with installation.database.unit() as unit:
        await unit.run("UPDATE incidents SET next_reminder_at = %(at)s, next_deadline_at = %(at)s", {"at": now})
    until = now + timedelta(hours=2, microseconds=1_999)
    taken = await acknowledge(house, incident, until=until, note="On it")
    end = now + timedelta(hours=2, milliseconds=1)
    assert (taken.state, taken.acknowledged_at, taken.acknowledged_until) == (IncidentState.ACKNOWLEDGED, now, end)
    assert taken.acknowledged_by == f"operator of {house.ours}"
    assert (await timeline(house, incident))[1:] == [(2, "acknowledged", "until 2026-05-25T14:00:00.001Z: On it")]
    async with installation.database.unit() as unit:
        row = await unit.row("SELECT next_reminder_at, next_deadline_at FROM incidents")
    assert (row["next_reminder_at"], row["next_deadline_at"]) == (None, end)
    await acknowledge(house, incident)
    async with installation.database.unit() as unit:
        row = await unit.row("SELECT next_reminder_at, next_deadline_at FROM incidents")
    assert (row["next_reminder_at"], row["next_deadline_at"]) == (None, None)
    assert await audited(installation, incident) == ["incident.acknowledge"] * 2


async def test_another_operator_takes_it_over_and_the_timeline_knows_both(house, fail):
    incident = await fail(2)
    await acknowledge(house, incident)
    taken = await acknowledge(house, incident, house.alice, note="I know this one")
    assert taken.acknowledged_by == f"admin of {house.ours}"
    assert [event for _, event, _ in await timeline(house, incident)] == ["opened", "acknowledged", "acknowledged"]


async def test_an_end_that_has_passed_is_refused(installation, house, fail):
    incident = await fail(2)
    with pytest.raises(InvalidRequest, match="until: must be in the future"):
        await acknowledge(house, incident, until=installation.clock.now())


async def test_taking_it_again_is_one_event_whatever_version_is_named(installation, house, fail):
    incident = await fail(2)
    first = await acknowledge(house, incident, version=1)
    again = await asyncio.gather(*(acknowledge(house, incident, version=1) for _ in range(8)))
    assert set(again) == {first}
    assert [event for _, event, _ in await timeline(house, incident)] == ["opened", "acknowledged"]
    assert await audited(installation, incident) == ["incident.acknowledge"]


@pytest.mark.parametrize("change", ["acknowledge", "assign", "add_note"])
async def test_of_two_operators_who_read_the_same_version_one_is_told_to_read_again(house, fail, change):
    incident = await fail(2)
    acts = {
        "acknowledge": lambda caller, n: acknowledge(house, incident, caller, version=n),
        "assign": lambda caller, n: assign(house, incident, f"{caller.token[-8:]} {n}", caller, version=n),
        "add_note": lambda caller, n: add_note(house, incident, "Mine", caller, version=n),
    }
    for version in range(1, 9):
        answers = await asyncio.gather(
            acts[change](house.olga, version), acts[change](house.alice, version), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, ResourceConflict)]
        assert len(refused) == 1, answers
        assert str(refused[0]) == "The incident was changed by somebody else; read it again"
        if change == "acknowledge":  # taken is taken
            break


async def test_what_has_ended_is_neither_taken_nor_given_to_anybody_but_may_be_written_about(installation, house, fail):
    incident = await fail(2)
    await resolve(house, incident)
    for act in (acknowledge(house, incident), assign(house, incident, "Olga")):
        with pytest.raises(ResourceConflict, match="The incident has ended"):
            await act
    noted = await add_note(house, incident, "It was the disk")
    assert (noted.state, noted.event_count, noted.version) == (IncidentState.RESOLVED, 3, 3)
    assert (await timeline(house, incident))[-1] == (3, "note", "It was the disk")
    assert sorted(await audited(installation, incident)) == ["incident.add_note", "incident.resolve"]


async def test_one_is_given_to_somebody_and_to_nobody_and_found_by_that(installation, house, fail):
    incident = await fail(2)
    given = await assign(house, incident, " Olga ")
    assert given.assignee == "Olga"
    assert await assign(house, incident, "Olga") == given

    async def ids(assignee):
        only = IncidentFilter(assignee=assignee)
        page = await incidents.list_incidents(installation, house.bob.call(), house.ours, Ask(), only)
        return [found.id for found in page.items]

    assert (await ids("Olga"), await ids(""), await ids(None)) == ([incident.id], [], [incident.id])
    await assign(house, incident, "")
    assert (await ids("Olga"), await ids("")) == ([], [incident.id])
    assert (await timeline(house, incident))[1:] == [(2, "assigned", "Olga"), (3, "assigned", "")]
    assert await audited(installation, incident) == ["incident.assign"] * 2


async def test_the_queue_holds_what_stands_taken_or_not(installation, house, fail):
    incident = await fail(2)

    async def ids(**filters):
        only = IncidentFilter(**filters)
        page = await incidents.list_incidents(installation, house.bob.call(), house.ours, Ask(), only)
        return [found.id for found in page.items]

    await acknowledge(house, incident)
    assert await ids(state=StateFilter.OPEN) == []
    assert await ids(state=StateFilter.ACKNOWLEDGED) == await ids(state=StateFilter.UNRESOLVED) == [incident.id]
    opened = installation.clock.now()
    assert await ids(opened_after=opened, severity=BACKUP.severity) == [incident.id]
    assert await ids(opened_before=opened) == await ids(severity=Severity.INFO) == []
    await resolve(house, incident)
    assert await ids(state=StateFilter.UNRESOLVED) == []


async def test_a_timeline_is_read_in_order_and_in_parts(installation, house, fail):
    incident = await fail(2)
    for number in range(5):
        await add_note(house, incident, f"Note {number}")
    seen, ask = [], Ask(2)
    while True:
        page = await incidents.list_incident_events(installation, house.bob.call(), incident.id, ask)
        seen += [entry.number for entry in page.items]
        if page.next is None:
            break
        ask = Ask(2, page.next)
    assert seen == [1, 2, 3, 4, 5, 6]


async def test_only_operators_steer_and_strangers_know_of_nothing(installation, house, fail):
    incident = await fail(2)
    for caller, refusal in ((house.bob, PermissionDenied), (house.charlie, NotFound)):
        for act in (
            acknowledge(house, incident, caller),
            assign(house, incident, "Bob", caller),
            add_note(house, incident, "Hello", caller),
        ):
            with pytest.raises(refusal):
                await act
    with pytest.raises(NotFound):
        await incidents.list_incident_events(installation, house.charlie.call(), incident.id, Ask())


async def test_names_and_notes_have_bounds(house, fail):
    incident = await fail(2)
    for act, problem in (
        (assign(house, incident, "x" * 201), "assignee: must be at most 200 characters"),
        (add_note(house, incident, " "), "note: is required"),
        (add_note(house, incident, "x" * 1_001), "note: must be at most 1000 characters"),
        (acknowledge(house, incident, note="x" * 1_001), "note: must be at most 1000 characters"),
    ):
        with pytest.raises(InvalidRequest, match=problem):
            await act
