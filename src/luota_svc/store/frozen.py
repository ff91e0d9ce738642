"""Rows of the statements that an opening incident freezes (store/ingest.sql: promises, root_runs) -> model words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luota_svc.model.packets import Promise, RootRun
from luota_svc.store.monitors import signal_ref


def promise_of(row: Sequence[Any]) -> Promise:
    """Read id, the settings and the version in the order of the model, the last signal and the last good one."""
    _, *plain, last_signal, last_good_signal = row
    return Promise._make((*plain, signal_ref(last_signal), signal_ref(last_good_signal)))


def root_run_of(row: Sequence[Any]) -> RootRun:
    """Read a run's columns in the order of the model; no tags and no notes are empty ones."""
    run = RootRun(*row)
    return run._replace(tags=run.tags or {}, notes=run.notes or [])
