-- The support record of requests (store/requests.py); an accepted signal is its own record.

-- name: insert
-- Keeps a batch of records; one that stands already (a flush whose answer was cut) is left alone.
INSERT INTO requests (request_id, received_at, door, method, status, error_code, duration_ms, workspace_id, monitor_id,
                      run_id, incident_id, key_id, actor, caller_request_id, trace_id, source_address)
SELECT *
FROM unnest(%s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::uuid[],
            %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[])
ON CONFLICT (request_id, received_at) DO NOTHING

-- name: find
-- Everything that bears an id, ours or a caller's, newest first; `only` narrows to one workspace.
-- Indexes: requests_pkey, requests_of_caller_request, signals_of_request, signals_of_caller_request, on each partition.
SELECT request_id, received_at, door, method, status, error_code, duration_ms, workspace_id, monitor_id, run_id,
       NULL::uuid AS signal_id, NULL::text AS signal_type, incident_id, key_id, actor, caller_request_id, trace_id,
       source_address
FROM requests
WHERE (request_id = %(id)s OR caller_request_id = %(id)s)
  AND (%(only)s::uuid IS NULL OR workspace_id = %(only)s::uuid)
UNION ALL
SELECT request_id, received_at, door, NULL, NULL, NULL, NULL, workspace_id, monitor_id, run_id, id, type, incident_id,
       key_id, NULL, caller_request_id, nullif(split_part(traceparent, '-', 2), ''), source_address
FROM signals
WHERE (request_id = %(id)s OR caller_request_id = %(id)s)
  AND (%(only)s::uuid IS NULL OR workspace_id = %(only)s::uuid)
ORDER BY received_at DESC, request_id, signal_id
LIMIT 100
