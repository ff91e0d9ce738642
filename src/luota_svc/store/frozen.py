"""Rows of the statements that an opening incident freezes (store/ingest.sql: promises, root_runs) -> model words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

from luota_svc.model.monitors import MonitorKind, MonitorSettings, Severity
from luota_svc.model.packets import Promise, RootRun
from luota_svc.store.monitors import signal_ref

_SETTINGS: Final = tuple(field.name for field in fields(MonitorSettings))
_RUN: Final = tuple(field.name for field in fields(RootRun))


def promise_of(row: Sequence[Any]) -> Promise:
    """Read id, the settings in the order of the model, version, last signal and last good signal."""
    _, *settings, version, last_signal, last_good_signal = row
    values = dict(zip(_SETTINGS, settings, strict=True))
    values["kind"], values["severity"] = MonitorKind(values["kind"]), Severity(values["severity"])
    return Promise(MonitorSettings(**values), version, signal_ref(last_signal), signal_ref(last_good_signal))


def root_run_of(row: Sequence[Any]) -> RootRun:
    """Read a run's columns in the order of the model; no tags and no notes are empty ones."""
    values = dict(zip(_RUN, row, strict=True))
    values["tags"], values["notes"] = values["tags"] or {}, values["notes"] or []
    return RootRun(**values)
