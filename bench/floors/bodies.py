"""The body that the HTTP floors decode and the answer that they give, of the real ones' size."""

from __future__ import annotations

import msgspec


class StartBody(msgspec.Struct, rename="camel"):
    """A run's start as a job reports it."""

    monitor_id: str
    external_run_id: str
    host: str | None = None
    deploy_sha: str | None = None


RUN_ANSWER = (
    b'{"run":{"id":"0190163d-8694-739b-aea5-966c26f8ad90","monitorId":"0190163d-8694-739b-aea5-966c26f8ad91",'
    b'"externalRunId":"job-42","state":"running","startedAt":"2026-05-25T12:00:00.000Z","finishedAt":null,'
    b'"durationMs":null},"duplicate":false,"requestId":"req-01HX0000000000000000000000"}'
)
