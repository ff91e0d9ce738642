"""Freezes the packet of every incident that a transaction opens: what its rows said, as rules/packet words it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from luota_svc.model.batch import ChangedRun, NewRun
from luota_svc.model.monitors import SignalRef
from luota_svc.model.packets import BadSignal, Opening, RootRun
from luota_svc.rules.packet import freeze

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from luota_svc.model.batch import NewSignal, Tellable, Writes
    from luota_svc.model.packets import Gap, NewPacket
    from luota_svc.usecases.drafts import IncidentDraft


def freeze_opened(drafts: Iterable[IncidentDraft], tellable: Tellable, out: Writes) -> list[NewPacket]:
    """Return a packet for each incident that is opened here; `out` holds the transaction's runs already."""
    written: dict[UUID, NewRun | ChangedRun] = {run.id: run for run in out.new_runs}
    written |= {run.id: run for run in out.changed_runs}
    return [freeze(_opening(draft, tellable, written)) for draft in drafts if draft.expected_version is None]


def _opening(draft: IncidentDraft, tellable: Tellable, written: dict[UUID, NewRun | ChangedRun]) -> Opening:
    assert draft.opened_at is not None
    promise = tellable.promises[draft.monitor_id]
    run = _root_run(draft.root_run_id, tellable, written) if draft.root_run_id else None
    bad = draft.bad_day
    good = bad.good_before if bad else None
    last_heard_at = promise.last_signal.received_at if promise.last_signal else None
    return Opening(
        incident_id=draft.id,
        workspace_id=draft.workspace_id,
        monitor_id=draft.monitor_id,
        kind=draft.kind,
        severity=draft.severity,
        reason=draft.reason,
        opened_at=draft.opened_at,
        request_id=draft.request_id,
        previous_incident_id=draft.previous_incident_id,
        expected_at=draft.expected_at,
        deadline_at=draft.deadline_at,
        promise=promise,
        good_signal=_reference(good) if good else promise.last_good_signal,
        bad_signal=_bad_signal(bad.signal) if bad else None,
        run=run,
        gaps=() if bad else _overlapping(tellable.gaps, run.last_sign_at if run else last_heard_at, draft.opened_at),
    )


def _overlapping(gaps: Iterable[Gap], since: datetime | None, until: datetime) -> tuple[Gap, ...]:
    """Return the gaps within a silence; one that has lasted for ever takes all that are known."""
    return tuple(gap for gap in gaps if gap.started_at < until and (since is None or gap.ended_at > since))


def _root_run(run_id: UUID, tellable: Tellable, written: dict[UUID, NewRun | ChangedRun]) -> RootRun:
    """Return the run as it will stand: as it was opened here, or as it stood with what changes here laid over it."""
    row = written.get(run_id)
    if isinstance(row, NewRun):
        return RootRun(
            id=row.id,
            external_run_id=row.external_run_id,
            state=row.state,
            started_at=row.started_at,
            received_at=row.received_at,
            last_sign_at=row.last_sign_at,
            timeout_at=row.timeout_at,
            finished_at=row.finished_at,
            duration_ms=row.duration_ms,
            summary=row.summary,
            exit_code=row.exit_code,
            deploy_sha=row.deploy_sha,
            host=row.host,
            environment=row.environment,
            tags=_json(row.tags, {}),
            notes=_json(row.notes, []),
            request_id=row.request_id,
            close_request_id=row.close_request_id,
        )
    stood = tellable.root_runs[run_id]
    if row is None:
        return stood
    # As the statement change_runs lays it over.
    return RootRun(
        id=stood.id,
        external_run_id=stood.external_run_id,
        state=row.state,
        started_at=stood.started_at,
        received_at=stood.received_at,
        last_sign_at=row.last_sign_at or stood.last_sign_at,
        timeout_at=stood.timeout_at,
        finished_at=row.finished_at,
        duration_ms=row.duration_ms,
        summary=stood.summary if row.summary is None else row.summary,
        exit_code=stood.exit_code if row.exit_code is None else row.exit_code,
        deploy_sha=row.deploy_sha or stood.deploy_sha,
        host=row.host or stood.host,
        environment=row.environment or stood.environment,
        tags={**stood.tags, **_json(row.tags, {})},
        notes=[*stood.notes, *_json(row.notes, [])],
        request_id=stood.request_id,
        close_request_id=row.close_request_id or stood.close_request_id,
    )


def _bad_signal(row: NewSignal) -> BadSignal:
    return BadSignal(
        id=row.id,
        type=row.type,
        received_at=row.received_at,
        occurred_at=row.occurred_at,
        request_id=row.request_id,
        caller_request_id=row.caller_request_id,
        summary=row.summary,
        exit_code=row.exit_code,
        output=row.output,
        payload=row.payload,
        deploy_sha=row.deploy_sha,
        host=row.host,
        environment=row.environment,
        tags=_json(row.tags, {}),
        notes=_json(row.notes, []),
    )


def _reference(row: NewSignal) -> SignalRef:
    return SignalRef(row.id, row.type, row.received_at, row.request_id, row.run_id)


def _json(text: str | None, nothing: Any) -> Any:
    return nothing if text is None else json.loads(text)
