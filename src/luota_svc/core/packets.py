"""Evidence packets: use case -> message. Objects travel as Structs, so that each door shows real objects."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.struct_pb2 import Struct

from luota.v1 import incidents_pb2
from luota.v1 import packet_service_pb2 as rpc
from luota.v1 import packets_pb2 as pb
from luota_svc.core.convert import number_of, path_id
from luota_svc.model.call import Call
from luota_svc.usecases import packets
from luota_svc.usecases.installation import Installation

# Field -> member of the document.
_OBJECTS: Final = {
    "incident": "incident",
    "identity": "identity",
    "promise": "promise",
    "healthy_signal": "healthySignal",
    "bad_day_signal": "badDaySignal",
    "owner_route": "ownerRoute",
    "audit_trail": "auditTrail",
}


async def get_packet(at: Installation, call: Call, request: rpc.GetPacketRequest) -> pb.Packet:
    """Read one as objects."""
    document = (await packets.get_packet(at, call, path_id(request.incident_id))).document
    return pb.Packet(
        **{field: _struct(document[name]) for field, name in _OBJECTS.items()},
        alert_state=number_of(incidents_pb2.AlertState, "ALERT_STATE", document["alertState"]),
        evidence_digest=document["evidenceDigest"],
        export_digest=document["exportDigest"],
    )


async def export_packet(at: Installation, call: Call, request: rpc.ExportPacketRequest) -> pb.PacketExport:
    """Read one as the text to be kept."""
    packet = await packets.get_packet(at, call, path_id(request.incident_id))
    return pb.PacketExport(
        document=packet.text,
        evidence_digest=packet.document["evidenceDigest"],
        export_digest=packet.document["exportDigest"],
    )


def _struct(values: dict[str, Any] | None) -> Struct | None:
    if values is None:
        return None
    struct = Struct()
    struct.update(values)
    return struct
