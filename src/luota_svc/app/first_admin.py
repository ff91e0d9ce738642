"""The first admin that LUOTA_BOOTSTRAP_TOKEN_FILE brings, stored once the database can take it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from luota_svc.model.errors import LuotaError, Unavailable
from luota_svc.telemetry import names
from luota_svc.usecases.bootstrap import BootstrapOutcome, ensure_admin

if TYPE_CHECKING:
    from luota_svc.clock import Clock
    from luota_svc.settings.values import Secret
    from luota_svc.store.database import Database

_LOG = logging.getLogger(__name__)


async def bring_first_admin(database: Database, clock: Clock, token: Secret | None) -> None:
    """Store the admin of this token; without one do nothing. Raises Unavailable: then try again.

    A token that cannot be the admin's is logged and no more: jobs report all the same.
    """
    if token is None:
        return
    try:
        bootstrapped = await ensure_admin(database, clock, token.reveal())
    except Unavailable:
        raise
    except LuotaError as error:
        _LOG.warning(names.LOG_BOOTSTRAP_REFUSED, extra={"reason": str(error)})
        return
    if bootstrapped.outcome is BootstrapOutcome.ENDED:
        reason = "LUOTA_BOOTSTRAP_TOKEN_FILE: this operator token was revoked or has expired"
        _LOG.warning(names.LOG_BOOTSTRAP_REFUSED, extra={"reason": reason})
