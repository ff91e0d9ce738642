"""What a transaction must read before it can write incidents: routes, duties that stand, and what a packet freezes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luota_svc.model.batch import IncidentChange, Tellable
    from luota_svc.store.ingest import IngestTransaction


async def load_tellable(transaction: IngestTransaction, changes: Sequence[IncidentChange]) -> Tellable | None:
    """Return what `IncidentLedger.write` needs, in one round trip; None where no incident was opened or resolved."""
    if not changes:
        return None
    opened = [change for change in changes if change.opened_here]
    return await transaction.load_tellable(
        workspaces={change.workspace_id for change in changes},
        monitors={change.monitor_id for change in changes},
        resolved={change.incident_id for change in changes if not change.opened_here},
        opened={(change.monitor_id, change.kind) for change in opened},
        runs={change.root_run_id for change in opened if change.root_run_id},
        silent=any(change.request_id is None for change in opened),
        at=min(change.at for change in changes),
    )
