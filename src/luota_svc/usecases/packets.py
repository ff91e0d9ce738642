"""Reading evidence packets: what an incident froze, and who was told and did what since."""

from __future__ import annotations

from uuid import UUID

from luota_svc.model.call import Call
from luota_svc.model.errors import Missing
from luota_svc.model.operators import Role
from luota_svc.model.packets import Packet
from luota_svc.rules.incident_links import incident_url
from luota_svc.rules.packet_telling import compose
from luota_svc.store import incidents, packets
from luota_svc.usecases.installation import Installation
from luota_svc.usecases.operator_admission import admit, found


async def get_packet(at: Installation, call: Call, incident_id: UUID) -> Packet:
    """Return an incident's packet as it stands now; it stays when its monitor is deleted."""
    async with at.database.unit() as unit:
        operator = await admit(unit, call)
        workspace_id, monitor_id = found(await incidents.home(unit, incident_id), Missing.INCIDENT)
        operator.require(Role.VIEWER, workspace_id, Missing.INCIDENT)
        call.subject |= {"incident_id": str(incident_id), "monitor_id": str(monitor_id)}
    # What it says of the incident and of its deliveries must be of one instant: a packet is evidence.
    async with at.database.snapshot() as unit:
        incident = found(await incidents.get(unit, incident_id, at.clock.now()), Missing.INCIDENT)
        frozen, digest = await packets.frozen(unit, incident_id) or (None, None)
        told = await packets.told(unit, incident)
    return compose(frozen, digest, incident, told, incident_url(at.public_url, incident_id))
