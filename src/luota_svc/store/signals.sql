-- Signals as operators read them (store/signals.py); they are written by the ingest batch, partitioned by day.

-- name: page
-- Lists a monitor's, newest first. Index: signals_pkey, partition by partition.
SELECT id, workspace_id, monitor_id, run_id, type, received_at, occurred_at, request_id, caller_request_id,
       nullif(split_part(traceparent, '-', 2), '') AS trace_id, summary, exit_code, output, payload, deploy_sha, host,
       environment, tags, notes
FROM signals
WHERE monitor_id = %(monitor_id)s
  AND (%(after_at)s::timestamptz IS NULL OR (received_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY received_at DESC, id DESC
LIMIT %(limit)s

-- name: page_of_run
-- Lists one run's, newest first: none is older than the run. Index: signals_pkey, from the run's day on.
SELECT id, workspace_id, monitor_id, run_id, type, received_at, occurred_at, request_id, caller_request_id,
       nullif(split_part(traceparent, '-', 2), '') AS trace_id, summary, exit_code, output, payload, deploy_sha, host,
       environment, tags, notes
FROM signals
WHERE monitor_id = %(monitor_id)s AND run_id = %(run_id)s
  AND received_at >= (SELECT received_at FROM runs WHERE id = %(run_id)s)
  AND (%(after_at)s::timestamptz IS NULL OR (received_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY received_at DESC, id DESC
LIMIT %(limit)s
