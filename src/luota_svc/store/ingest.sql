-- The statements of the ingest batch (store/ingest.py). %b: parameters travel in binary, arrays of one batch.

-- name: find_runs
-- Names the monitor of each run that is closed by its id; immutable, so read before any lock.
SELECT id, monitor_id FROM runs WHERE id = ANY(%b::uuid[])

-- name: find_monitors
-- Names the monitor behind each (workspace, slug). Index: monitors_slug_key.
SELECT m.workspace_id, m.slug, m.id
FROM unnest(%b::uuid[], %b::text[]) AS wanted (workspace_id, slug)
JOIN monitors m ON m.workspace_id = wanted.workspace_id AND m.slug = wanted.slug AND m.deleted_at IS NULL

-- name: transaction_id
-- Gives the transaction an id before its COMMIT, so that a cut answer can be asked for (pg_xact_status).
SELECT pg_current_xact_id()::text

-- name: find_key_facts
-- Whose keys these are and the hashes of their secrets (immutable), with the workspace's own limits.
SELECT k.id, k.workspace_id, k.monitor_id, k.secret_hash,
       w.limit_monitor_token_minute, w.limit_monitor_token_hour, w.limit_workspace_minute
FROM ingest_keys k
JOIN workspaces w ON w.id = k.workspace_id
WHERE k.id = ANY(%b::uuid[])

-- name: live_keys
-- Which of the keys are accepted at this moment, by the database's clock; the limits ride along and stay fresh.
SELECT k.id, w.limit_monitor_token_minute, w.limit_monitor_token_hour, w.limit_workspace_minute
FROM ingest_keys k
JOIN workspaces w ON w.id = k.workspace_id
WHERE k.id = ANY(%b::uuid[]) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())

-- name: locked_monitors
-- Which of these monitors somebody else holds at this moment; as in lock_monitors, never one of another workspace.
WITH wanted AS MATERIALIZED (
    SELECT m.id
    FROM unnest(%b::uuid[], %b::uuid[]) AS named (id, workspace_id)
    JOIN monitors m ON m.id = named.id AND m.workspace_id = named.workspace_id
    WHERE m.deleted_at IS NULL
), free AS MATERIALIZED (
    SELECT m.id FROM monitors m WHERE m.id IN (SELECT id FROM wanted) FOR NO KEY UPDATE OF m SKIP LOCKED
)
SELECT id FROM wanted EXCEPT SELECT id FROM free

-- name: lock_monitors
-- The mutex: locks the monitors in id order and reads bounds and counters. Deleted ones are as if they were not, and
-- the workspace keeps a key from locking what is not its own.
SELECT m.id, m.workspace_id, m.slug, m.kind, m.severity, m.failure_threshold, m.recovery_threshold,
       m.timeout_seconds, m.max_duration_seconds, m.min_duration_seconds, m.stuck_after_seconds,
       m.max_age_seconds, m.remind_every_seconds, m.paused_until, m.muted_until, m.failures_in_row, m.successes_in_row,
       m.last_judged_close_at, m.next_deadline_at
FROM unnest(%b::uuid[], %b::uuid[]) AS wanted (id, workspace_id)
JOIN monitors m ON m.id = wanted.id AND m.workspace_id = wanted.workspace_id
WHERE m.deleted_at IS NULL
ORDER BY m.id
FOR NO KEY UPDATE OF m

-- name: runs_by_key
-- The runs behind (monitor, external run id), read after the lock. Index: run_keys_pkey.
SELECT k.monitor_id, k.external_run_id, k.run_id, k.pruned,
       r.workspace_id, r.state, r.started_at, r.start_occurred, r.start_seen, r.received_at, r.finished_at,
       r.duration_ms, r.last_sign_at, r.timeout_at, r.stuck_at, r.slow_at, r.next_deadline_at, i.id, i.kind, i.state
FROM unnest(%b::uuid[], %b::text[]) AS wanted (monitor_id, external_run_id)
JOIN run_keys k ON k.monitor_id = wanted.monitor_id AND k.external_run_id = wanted.external_run_id
LEFT JOIN runs r ON r.id = k.run_id
LEFT JOIN incidents i ON i.id = r.incident_id

-- name: runs_by_id
-- The runs that are closed or kept alive by their id, read after the lock. Index: runs_pkey.
SELECT r.monitor_id, r.external_run_id, r.id, NULL::jsonb,
       r.workspace_id, r.state, r.started_at, r.start_occurred, r.start_seen, r.received_at, r.finished_at,
       r.duration_ms, r.last_sign_at, r.timeout_at, r.stuck_at, r.slow_at, r.next_deadline_at, i.id, i.kind, i.state
FROM runs r
LEFT JOIN incidents i ON i.id = r.incident_id
WHERE r.id = ANY(%b::uuid[])

-- name: stuck_runs
-- What counts as stuck on the locked monitors, whatever its state. Index: runs_stuck.
SELECT id, monitor_id, received_at FROM runs WHERE monitor_id = ANY(%b::uuid[]) AND stuck_at IS NOT NULL

-- name: unresolved_incidents
-- What stands open on the locked monitors. Index: incidents_one_unresolved.
SELECT id, monitor_id, kind, state, occurrence_count, event_count, version
FROM incidents
WHERE monitor_id = ANY(%b::uuid[]) AND resolved_at IS NULL

-- name: signals_by_key
-- Pings that landed before under the same signal key. Index: signal_keys_pkey.
SELECT s.monitor_id, s.signal_key, s.signal_id, s.received_at
FROM unnest(%b::uuid[], %b::text[]) AS wanted (monitor_id, signal_key)
JOIN signal_keys s ON s.monitor_id = wanted.monitor_id AND s.signal_key = wanted.signal_key

-- name: routes_of_workspaces
-- Where incidents of these workspaces may be told. Index: alert_routes_of_workspace.
SELECT id, workspace_id, monitor_ids, min_severity, after_seconds, fallback, enabled, destination, drill
FROM alert_routes
WHERE workspace_id = ANY(%b::uuid[]) AND deleted_at IS NULL
ORDER BY id

-- name: lock_told
-- Holds the duties that are still to be done about these incidents, in id order; what is final stands for ever.
SELECT d.id
FROM delivery_incidents di
JOIN deliveries d ON d.id = di.delivery_id
WHERE di.incident_id = ANY(%b::uuid[]) AND di.live
ORDER BY d.id
FOR NO KEY UPDATE OF d

-- name: told_routes
-- What each route was to be told about these incidents; a statement of its own, after the locks. A route_failure tells
-- about another route. What is final stands once for all of its reason and state: an incident that is reminded of every
-- minute has thousands. Index: delivery_incidents_of_incident.
SELECT (array_agg(d.id ORDER BY d.id DESC))[1] AS id, di.incident_id, di.route_id, d.reason, d.state,
       max(di.sequence) AS sequence
FROM delivery_incidents di
JOIN deliveries d ON d.id = di.delivery_id
WHERE di.incident_id = ANY(%b::uuid[]) AND d.reason <> 'route_failure'
GROUP BY di.incident_id, di.route_id, d.reason, d.state, CASE WHEN d.settled_at IS NULL THEN d.id END
ORDER BY 1

-- name: previous_incidents
-- The newest incident of each kind on each monitor, however many there have been. Index: incidents_of_monitor.
SELECT v.monitor_id, v.kind, newest.id
FROM unnest(%b::uuid[], %b::text[]) AS v (monitor_id, kind)
CROSS JOIN LATERAL (
    SELECT i.id
    FROM incidents i
    WHERE i.monitor_id = v.monitor_id AND i.kind = v.kind
    ORDER BY i.opened_at DESC, i.id DESC
    LIMIT 1
) newest

-- name: quiet_windows
-- What may quiet the monitors of these workspaces at an instant. Those that ended lately are read too: another one may
-- run on from them. Index: maintenance_windows_standing.
SELECT workspace_id, monitor_ids, tags, starts_at, ends_at, cron, timezone, duration_seconds
FROM maintenance_windows
WHERE workspace_id = ANY(%b::uuid[]) AND deleted_at IS NULL
  AND coalesce(ends_at, 'infinity') > %b::timestamptz - interval '62 days'

-- name: quietable
-- What monitors bring to the question of whether they are quiet.
SELECT id, workspace_id, tags, muted_until FROM monitors WHERE id = ANY(%b::uuid[])

-- name: promises
-- What monitors promise at this moment, and what they have heard: the packets of incidents that open freeze it.
SELECT id, slug, name, kind, schedule_cron, schedule_timezone, interval_seconds, grace_seconds, early_tolerance_seconds,
       max_age_seconds, max_duration_seconds, min_duration_seconds, stuck_after_seconds, timeout_seconds,
       failure_threshold, recovery_threshold, remind_every_seconds, severity, owner, runbook_url, environment, promise,
       tags, version, last_signal, last_good_signal
FROM monitors
WHERE id = ANY(%b::uuid[])

-- name: root_runs
-- The runs that incidents open about, as they stood before this transaction.
SELECT id, external_run_id, state, started_at, received_at, last_sign_at, timeout_at, finished_at, duration_ms, summary,
       exit_code, deploy_sha, host, environment, tags, notes, request_id, close_request_id
FROM runs
WHERE id = ANY(%b::uuid[])

-- name: newest_gaps
-- When we last did not listen ourselves. Index: ingest_gaps_newest.
SELECT started_at, ended_at FROM ingest_gaps ORDER BY ended_at DESC LIMIT 20

-- name: insert_run_keys
-- Takes the idempotency key; a second taker is a fault, for the monitor's lock is held.
INSERT INTO run_keys (monitor_id, external_run_id, run_id)
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::uuid[])

-- name: insert_runs
-- Opens runs.
INSERT INTO runs (id, workspace_id, monitor_id, external_run_id, state, started_at, start_occurred, start_seen,
                  received_at, last_sign_at, finished_at, duration_ms, summary, exit_code, deploy_sha, host,
                  environment, tags, notes, request_id, close_request_id, incident_id, timeout_at, next_deadline_at)
SELECT * FROM unnest(
    %b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::timestamptz[], %b::bool[], %b::bool[],
    %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::bigint[], %b::text[], %b::int[], %b::text[], %b::text[],
    %b::text[], %b::text[]::jsonb[], %b::text[]::jsonb[], %b::text[], %b::text[], %b::uuid[], %b::timestamptz[],
    %b::timestamptz[])

-- name: change_runs
-- Moves runs that stood, each from the state that the decision saw; anything else fails the transaction.
WITH changed AS (
    UPDATE runs r
    SET state = v.state,
        start_seen = v.start_seen,
        last_sign_at = coalesce(v.last_sign_at, r.last_sign_at),
        finished_at = v.finished_at,
        duration_ms = v.duration_ms,
        summary = coalesce(v.summary, r.summary),
        exit_code = coalesce(v.exit_code, r.exit_code),
        deploy_sha = coalesce(v.deploy_sha, r.deploy_sha),
        host = coalesce(v.host, r.host),
        environment = coalesce(v.environment, r.environment),
        tags = CASE WHEN v.tags IS NULL THEN r.tags ELSE coalesce(r.tags, '{}') || v.tags END,
        notes = CASE WHEN v.notes IS NULL THEN r.notes ELSE coalesce(r.notes, '[]') || v.notes END,
        close_request_id = coalesce(v.close_request_id, r.close_request_id),
        incident_id = coalesce(v.incident_id, r.incident_id),
        stuck_at = v.stuck_at,
        slow_at = v.slow_at,
        overtaken = r.overtaken AND v.last_sign_at IS NULL,
        next_deadline_at = v.next_deadline_at
    FROM unnest(
        %b::uuid[], %b::text[], %b::text[], %b::bool[], %b::timestamptz[], %b::timestamptz[], %b::bigint[],
        %b::text[], %b::int[], %b::text[], %b::text[], %b::text[], %b::text[]::jsonb[], %b::text[]::jsonb[],
        %b::text[], %b::uuid[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[])
        AS v (id, expected_state, state, start_seen, last_sign_at, finished_at, duration_ms,
              summary, exit_code, deploy_sha, host, environment, tags, notes, close_request_id, incident_id,
              stuck_at, slow_at, next_deadline_at)
    WHERE r.id = v.id AND r.state = v.expected_state
      -- Only by an edge that is drawn (docs/states.md); what stays as it is may still learn something.
      AND (v.state = r.state OR r.state = 'running' OR r.state = 'expired' AND v.state IN ('succeeded', 'failed'))
    RETURNING 1
)
SELECT luota_assert_rows('change_runs', %b::bigint, (SELECT count(*) FROM changed))

-- name: free_runs
-- Lets go of stuck runs that a later run's success made pointless; their states stay. The monitor's lock is held.
UPDATE runs SET stuck_at = NULL, overtaken = true WHERE id = ANY(%b::uuid[])

-- name: insert_signals
-- Keeps the messages.
INSERT INTO signals (id, workspace_id, monitor_id, run_id, type, received_at, occurred_at, door, key_id, request_id,
                     caller_request_id, traceparent, source_address, incident_id, summary, exit_code, output,
                     payload, deploy_sha, host, environment, tags, notes)
SELECT * FROM unnest(
    %b::uuid[], %b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::text[],
    %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::uuid[], %b::text[], %b::int[], %b::text[],
    %b::text[], %b::text[], %b::text[], %b::text[], %b::text[]::jsonb[], %b::text[]::jsonb[])

-- name: insert_signal_keys
-- Takes the pings' idempotency keys.
INSERT INTO signal_keys (monitor_id, signal_key, signal_id, received_at)
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::uuid[], %b::timestamptz[])

-- name: change_monitors
-- Moves counters and memories of the locked monitors.
WITH changed AS (
    UPDATE monitors m
    SET failures_in_row = v.failures_in_row,
        successes_in_row = v.successes_in_row,
        last_judged_close_at = coalesce(v.last_judged_close_at, m.last_judged_close_at),
        last_signal = v.last_signal,
        last_good_signal = coalesce(v.last_good_signal, m.last_good_signal),
        last_heard_at = greatest(v.last_heard_at, m.last_heard_at),
        last_fresh_at = greatest(v.last_fresh_at, m.last_fresh_at),
        next_deadline_at = least(v.due_at, m.next_deadline_at)
    FROM unnest(%b::uuid[], %b::int[], %b::int[], %b::timestamptz[], %b::text[]::jsonb[], %b::text[]::jsonb[],
                %b::timestamptz[], %b::timestamptz[], %b::timestamptz[])
        AS v (id, failures_in_row, successes_in_row, last_judged_close_at, last_signal, last_good_signal,
              last_heard_at, last_fresh_at, due_at)
    WHERE m.id = v.id
    RETURNING 1
)
SELECT luota_assert_rows('change_monitors', %b::bigint, (SELECT count(*) FROM changed))

-- name: change_incidents
-- Adds to or resolves incidents that stood, each from the version that the decision saw.
WITH changed AS (
    UPDATE incidents i
    SET state = v.state,
        occurrence_count = v.occurrence_count,
        event_count = v.event_count,
        resolved_at = v.resolved_at,
        resolution = v.resolution,
        next_reminder_at = CASE WHEN v.resolved_at IS NULL THEN i.next_reminder_at END,
        tell_at = CASE WHEN v.resolved_at IS NULL THEN i.tell_at END,
        next_deadline_at = CASE WHEN v.resolved_at IS NULL THEN i.next_deadline_at END,
        version = i.version + 1
    FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::int[], %b::int[], %b::timestamptz[], %b::text[])
        AS v (id, expected_version, state, occurrence_count, event_count, resolved_at, resolution)
    WHERE i.id = v.id AND i.version = v.expected_version AND i.resolved_at IS NULL
    RETURNING 1
)
SELECT luota_assert_rows('change_incidents', %b::bigint, (SELECT count(*) FROM changed))

-- name: insert_incidents
-- Opens incidents; the partial unique index refuses a second unresolved one of a kind.
INSERT INTO incidents (id, workspace_id, monitor_id, kind, state, severity, opened_at, resolved_at, resolution,
                       root_run_id, request_id, traceparent, occurrence_count, event_count, previous_incident_id, muted,
                       reason, expected_at, deadline_at, tell_at, next_reminder_at, next_deadline_at)
SELECT * FROM unnest(
    %b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[],
    %b::text[], %b::uuid[], %b::text[], %b::text[], %b::int[], %b::int[], %b::uuid[], %b::bool[], %b::text[],
    %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[])

-- name: insert_events
-- Appends to the timelines.
INSERT INTO incident_events (incident_id, number, event, at, actor, request_id, run_id, signal_id, occurrence_number,
                             detail)
SELECT * FROM unnest(%b::uuid[], %b::int[], %b::text[], %b::timestamptz[], %b::text[], %b::text[], %b::uuid[],
                     %b::uuid[], %b::int[], %b::text[])

-- name: insert_packets
-- Freezes what incidents that open knew.
INSERT INTO incident_packets (incident_id, frozen, digest)
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::bytea[])

-- name: drop_occurrences
-- Lets go of occurrences in the middle of long timelines; they stay counted.
DELETE FROM incident_events e
USING unnest(%b::uuid[], %b::int[]) AS v (incident_id, occurrence_number)
WHERE e.incident_id = v.incident_id AND e.event = 'occurrence' AND e.occurrence_number = v.occurrence_number

-- name: insert_deliveries
-- Writes the duties, in the transaction of the fact.
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        next_attempt_at, due_at, request_id, traceparent)
SELECT id, workspace_id, route_id, destination, reason, 'pending', severity_rank, created_at, expires_at,
       next_attempt_at, next_attempt_at, request_id, traceparent
FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::bytea[], %b::text[], %b::smallint[], %b::timestamptz[],
            %b::timestamptz[], %b::timestamptz[], %b::text[], %b::text[])
    AS v (id, workspace_id, route_id, destination, reason, severity_rank, created_at, expires_at, next_attempt_at,
          request_id, traceparent)

-- name: insert_delivery_incidents
-- Names the incident that each duty tells about; one live duty per incident and route.
INSERT INTO delivery_incidents (delivery_id, incident_id, route_id, sequence, live)
SELECT delivery_id, incident_id, route_id, sequence, true
FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::int[]) AS v (delivery_id, incident_id, route_id, sequence)

-- name: end_live
-- Takes back words about incidents, which frees (incident, route) for the next: of duties that wait, and of ones in flight.
-- A word that was gathered while lock_told waited has a duty now that is not held yet: its settle must wait for this.
WITH named AS MATERIALIZED (
    SELECT * FROM unnest(%b::uuid[], %b::uuid[]) AS v (delivery_id, incident_id)
), held AS MATERIALIZED (
    SELECT id FROM deliveries WHERE id IN (SELECT delivery_id FROM named) ORDER BY id FOR NO KEY UPDATE
)
UPDATE delivery_incidents di
SET live = false
FROM named
JOIN held ON held.id = named.delivery_id
WHERE di.delivery_id = named.delivery_id AND di.incident_id = named.incident_id

-- name: reissue
-- Ends waiting duties whose frozen words name an incident that was taken back, and has a new duty each tell the rest,
-- composed anew: what was sent under one id never changes. It goes on where the old one stood, as nobody's first word. They
-- are held. Its id sorts behind the old one's. Indexes: deliveries_pkey, delivery_incidents_pkey.
WITH stale AS MATERIALIZED (
    SELECT d.id, t.now,
           overlay(overlay(gen_random_uuid()::text PLACING '7' FROM 15)
                   PLACING regexp_replace(lpad(to_hex((extract(epoch FROM t.now) * 1000)::bigint), 12, '0'), '(.{8})', '\1-')
                   FROM 1)::uuid AS new_id
    FROM deliveries d
    CROSS JOIN (SELECT %b::timestamptz AS now) t
    WHERE d.id = ANY(%b::uuid[]) AND d.state IN ('pending', 'failed_retrying') AND d.content IS NOT NULL
      AND EXISTS (SELECT FROM delivery_incidents di WHERE di.delivery_id = d.id AND di.live)
      AND EXISTS (
        SELECT FROM delivery_incidents di
        WHERE di.delivery_id = d.id AND NOT di.live
          AND position(convert_to(di.incident_id::text, 'UTF8') IN d.content) > 0
      )
), ended AS (
    UPDATE deliveries d
    SET state = 'cancelled', settled_at = s.now, next_attempt_at = NULL, fallback_due_at = NULL, gathered_into = s.new_id,
        unnoted = true
    FROM stale s
    WHERE d.id = s.id
), untold AS (
    UPDATE delivery_incidents di
    SET live = false
    FROM stale s
    WHERE di.delivery_id = s.id AND di.live
    RETURNING s.new_id, di.incident_id, di.route_id, di.sequence
), named AS (
    -- It reads what the statement above gives back: one live duty per incident and route at every moment.
    INSERT INTO delivery_incidents (delivery_id, incident_id, route_id, sequence, live)
    SELECT new_id, incident_id, route_id, sequence, true FROM untold
)
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        next_attempt_at, due_at, attempt_count, deferral_count, lost_count, first_failed_at,
                        fallback_due_at, last_error, recipients, replay_of, request_id, traceparent,
                        first_attempt_traceparent, unnoted)
SELECT s.new_id, d.workspace_id, d.route_id, d.destination, d.reason, d.state, d.severity_rank, d.created_at, d.expires_at,
       d.next_attempt_at, d.due_at, d.attempt_count, d.deferral_count, d.lost_count, d.first_failed_at,
       d.fallback_due_at, d.last_error, d.recipients, d.replay_of, d.request_id, d.traceparent,
       d.first_attempt_traceparent, d.state = 'failed_retrying'
FROM stale s
JOIN deliveries d ON d.id = s.id

-- name: cancel_spent
-- Ends waiting duties of which every word was taken back; one that lists other incidents too goes on.
UPDATE deliveries d
SET state = 'cancelled', settled_at = %b::timestamptz, next_attempt_at = NULL, fallback_due_at = NULL, unnoted = true
WHERE d.id = ANY(%b::uuid[]) AND d.state IN ('pending', 'failed_retrying')
  AND NOT coalesce((SELECT bool_or(di.live) FROM delivery_incidents di WHERE di.delivery_id = d.id), false)

-- name: outcome
-- Whether a transaction whose COMMIT was cut went through: committed, aborted, in progress, or NULL (too old).
SELECT pg_xact_status(%b::text::xid8)
