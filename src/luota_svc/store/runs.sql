-- Runs as operators read them (store/runs.py); they are written by the ingest batch.

-- name: get
-- Reads one.
SELECT id, workspace_id, monitor_id, external_run_id, state, started_at, received_at, finished_at, duration_ms, summary,
       exit_code, deploy_sha, host, environment, tags, notes, request_id, close_request_id
FROM runs
WHERE id = %(id)s

-- name: page
-- Lists a monitor's, newest first. Index: runs_of_monitor.
SELECT id, workspace_id, monitor_id, external_run_id, state, started_at, received_at, finished_at, duration_ms, summary,
       exit_code, deploy_sha, host, environment, tags, notes, request_id, close_request_id
FROM runs
WHERE monitor_id = %(monitor_id)s AND (%(state)s::text IS NULL OR state = %(state)s::text)
  AND (%(after_at)s::timestamptz IS NULL OR (received_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY received_at DESC, id DESC
LIMIT %(limit)s

-- name: find
-- Reads the one of the job's own id. Index: run_keys_pkey.
SELECT r.id, r.workspace_id, r.monitor_id, r.external_run_id, r.state, r.started_at, r.received_at, r.finished_at,
       r.duration_ms, r.summary, r.exit_code, r.deploy_sha, r.host, r.environment, r.tags, r.notes, r.request_id,
       r.close_request_id
FROM run_keys k
JOIN runs r ON r.id = k.run_id
WHERE k.monitor_id = %(monitor_id)s AND k.external_run_id = %(external_run_id)s
