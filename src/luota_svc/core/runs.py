"""Runs: message -> model words -> use case -> message."""

from __future__ import annotations

from luota.v1 import monitor_service_pb2 as rpc
from luota.v1 import runs_pb2 as pb
from luota_svc.core.convert import number_of, path_id, timestamp, word_of
from luota_svc.core.paging import newest_ask, next_token
from luota_svc.model.call import Call
from luota_svc.model.runs import Note, Run, RunState
from luota_svc.usecases import runs
from luota_svc.usecases.installation import Installation


async def list_runs(at: Installation, call: Call, request: rpc.ListRunsRequest) -> rpc.ListRunsResponse:
    """List a monitor's, newest first."""
    page = await runs.list_runs(
        at,
        call,
        path_id(request.monitor_id),
        newest_ask(request),
        state=word_of(pb.RunState, "RUN_STATE", request.state, RunState, "state"),
        external_run_id=request.external_run_id,
    )
    return rpc.ListRunsResponse(
        runs=[run_message(run) for run in page.items], next_page_token=next_token(request, page.next)
    )


async def get_run(at: Installation, call: Call, request: rpc.GetRunRequest) -> pb.Run:
    """Read one."""
    return run_message(await runs.get_run(at, call, path_id(request.run_id)))


def run_message(run: Run) -> pb.Run:
    """Return a run as operators read it."""
    return pb.Run(
        id=str(run.id),
        monitor_id=str(run.monitor_id),
        external_run_id=run.external_run_id,
        state=number_of(pb.RunState, "RUN_STATE", run.state),
        started_at=timestamp(run.started_at),
        finished_at=timestamp(run.finished_at),
        duration_ms=run.duration_ms,
        summary=run.summary,
        exit_code=run.exit_code,
        deploy_sha=run.deploy_sha,
        host=run.host,
        environment=run.environment,
        tags=run.tags,
        notes=[note_message(note) for note in run.notes],
        request_id=run.request_id,
        close_request_id=run.close_request_id,
    )


def note_message(note: Note) -> pb.Note:
    """Return what Luota noted."""
    return pb.Note(
        field=note.field,
        note=note.note,
        original_bytes=note.original_bytes,
        kept_bytes=note.kept_bytes,
        count=note.count,
    )
