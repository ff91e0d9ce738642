"""SQLSTATE and constraint name -> model error. Messages are written here, once, for people; never parsed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import psycopg_pool
from psycopg import errors as pg

from luota_svc.model.errors import ResourceConflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONSTRAINT_MESSAGES = {
    "workspaces_slug_key": "A workspace with this slug exists already",
    "monitors_slug_key": "A monitor with this slug exists already in this workspace",
    "ingest_keys_replaced_once": "This key has been rotated already",
    "delivery_incidents_one_live": "Another delivery is about to tell this route about the same incident",
    "idempotency_keys_pkey": "A request with this idempotency key is being served; try again",
}

# What the pool raises when it can't hand out a connection.
POOL_ERRORS = (psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed, psycopg_pool.TooManyRequests)


# Raised by luota_assert_rows: a guarded write touched another number of rows than its writer had decided on.
ROW_COUNT_MISMATCH = "LU001"


class RowCountMismatch(Exception):
    """A guarded write touched another number of rows than its writer had decided on; nothing was kept."""


def is_connection_loss(error: BaseException) -> bool:
    """Tell whether the session is gone or going: no rerun on this connection, the outcome of a commit unknown."""
    if isinstance(error, POOL_ERRORS):
        return True
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    state = error.sqlstate
    return state is None or state.startswith("08") or state in {"57P01", "57P02", "57P03", "57P05"}


def is_server_out_of_order(error: BaseException) -> bool:
    """Tell whether the server can serve nobody just now: no memory, no disk, a standby after a failover."""
    state = error.sqlstate or "" if isinstance(error, psycopg.Error) else ""
    return state[:2] in {"53", "58"} or state in {"25006", "25P03", "25P04"}


def is_guard(error: BaseException | None) -> bool:
    """Tell whether a guarded write touched another number of rows than its writer had decided on."""
    return isinstance(error, psycopg.Error) and error.sqlstate == ROW_COUNT_MISMATCH


def is_rerunnable(error: BaseException) -> bool:
    """Tell whether the whole transaction may be tried once more: serialization failure, deadlock, a guard that held."""
    return is_guard(error) or isinstance(error, pg.SerializationFailure | pg.DeadlockDetected)


def is_lock_timeout(error: BaseException) -> bool:
    """Tell whether somebody else held a row for too long."""
    return isinstance(error, pg.LockNotAvailable)


def is_data_error(error: BaseException) -> bool:
    """Tell whether a value that one row brought is to blame (classes 22, 23, 54)."""
    return isinstance(error, psycopg.Error) and (error.sqlstate or "")[:2] in {"22", "23", "54"}


@contextmanager
def translated() -> Iterator[None]:
    """Turn what psycopg raises into model errors where a caller can act on it; keep the cause."""
    try:
        yield
    except pg.UniqueViolation as error:
        message = _CONSTRAINT_MESSAGES.get(error.diag.constraint_name or "")
        if message is None:
            raise
        raise ResourceConflict(message) from error
    except (psycopg.Error, *POOL_ERRORS) as error:
        away = (psycopg.OperationalError, psycopg.InterfaceError, *POOL_ERRORS)
        if isinstance(error, away) or is_server_out_of_order(error):
            raise Unavailable(f"PostgreSQL: {type(error).__name__}: {error}") from error
        raise
