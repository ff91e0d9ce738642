"""What operators write about an incident is kept without the secrets that they pasted with it."""

import pytest
from tests.builders import World

from luota_svc.model.errors import InvalidRequest
from luota_svc.model.pages import Ask
from luota_svc.usecases import incidents
from luota_svc.usecases.packets import get_packet

KEY = "AKIAIOSFODNN7EXAMPLE"
PASTED = f"aws said 403 for {KEY}"
KEPT = "aws said 403 for [redacted:aws_key]"


@pytest.fixture
async def incident(world: World, process):
    failed = await process.finish(world.monitor(), "r", 1)
    return failed.incident.id


async def acknowledge(at, call, incident):
    await incidents.acknowledge_incident(at, call, incident, until=None, note=PASTED, version=None)


async def add(at, call, incident):
    await incidents.add_note(at, call, incident, note=PASTED, version=None)


async def resolve(at, call, incident):
    await incidents.resolve_incident(at, call, incident, note=PASTED, version=None)


@pytest.mark.parametrize("write", [acknowledge, add, resolve])
async def test_a_secret_in_a_note_is_in_no_timeline_packet_or_row(installation, house, world, incident, write):
    await write(installation, house.root.call(), incident)
    timeline = await incidents.list_incident_events(installation, house.root.call(), incident, Ask(size=100))
    assert timeline.items[-1].detail == KEPT
    packet = await get_packet(installation, house.root.call(), incident)
    assert KEPT in packet.text
    assert KEY not in packet.text
    assert world.count("incident_events", "detail LIKE %s", f"%{KEY}%") == 0
    assert world.count("audit_entries", "concat(before, after) LIKE %s", f"%{KEY}%") == 0


async def test_a_note_is_measured_as_it_was_written(installation, house, incident):
    with pytest.raises(InvalidRequest):
        await incidents.add_note(installation, house.root.call(), incident, note=PASTED * 50, version=None)
