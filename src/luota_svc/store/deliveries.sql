-- The outbox: what was claimed is settled under its lease, and taken over when a lease ran out (store/deliveries.py);
-- claims have a file of their own. Lock order: routes, deliveries, destinations, each in the order of their keys.

-- name: lock_lost
-- Holds duties whose lease ran out. Index: deliveries_leased.
SELECT id
FROM deliveries
WHERE lease_until < clock_timestamp()
ORDER BY lease_until
LIMIT %(most)s::int
FOR NO KEY UPDATE SKIP LOCKED

-- name: take_over
-- Frees duties whose lease ran out: whoever held them is gone, or will settle late. The attempt is kept as lost and spends
-- no retry; after so many it ends all the same. They are held: it sees what was taken back before that.
WITH lost AS MATERIALIZED (
    SELECT d.id, d.worker, d.lease_until,
           d.attempt_count + d.deferral_count + d.lost_count + 1 AS number,
           d.lost_count + 1 >= %(lost_most)s::int AS ends,
           d.reason IN ('opened', 'reminder', 'resolved', 'escalation', 'drill')
               AND NOT coalesce((SELECT bool_or(di.live) FROM delivery_incidents di WHERE di.delivery_id = d.id), false)
               AS spent,
           EXISTS (
               SELECT FROM destinations t
               WHERE t.workspace_id = d.workspace_id AND t.destination = d.destination AND t.open_until IS NOT NULL
           ) AS held
    FROM deliveries d
    WHERE d.id = ANY(%(ids)s::uuid[]) AND d.lease_until IS NOT NULL
), kept AS (
    INSERT INTO delivery_attempts (delivery_id, number, started_at, outcome, error, worker, request_id)
    SELECT lost.id, lost.number, lost.lease_until - make_interval(secs => %(lease_seconds)s::float8), 'lost',
           'The worker was gone before it said what became of the attempt; it may have arrived', coalesce(lost.worker, ''),
           d.request_id
    FROM lost
    JOIN deliveries d ON d.id = lost.id
), ended AS (
    UPDATE delivery_incidents di
    SET live = false
    FROM lost
    WHERE di.delivery_id = lost.id AND lost.ends AND di.live
)
UPDATE deliveries d
SET state = CASE WHEN lost.spent THEN 'cancelled' WHEN lost.ends THEN 'failed_terminal' ELSE 'failed_retrying' END,
    next_attempt_at = CASE WHEN lost.spent OR lost.ends THEN NULL ELSE %(now)s::timestamptz END,
    settled_at = CASE WHEN lost.spent OR lost.ends THEN %(now)s::timestamptz END,
    lost_count = d.lost_count + 1,
    lease_until = NULL,
    worker = NULL,
    first_failed_at = coalesce(d.first_failed_at, %(now)s),
    fallback_due_at = CASE WHEN d.reason IN ('test', 'drill', 'route_failure') OR lost.spent THEN NULL
                           WHEN lost.ends THEN %(now)s::timestamptz
                           -- Not later than what stands there, nor than it was held by an open breaker (rules/retry).
                           WHEN d.first_failed_at IS NULL THEN least(
                               d.fallback_due_at,
                               %(now)s::timestamptz + make_interval(secs => %(fallback_seconds)s),
                               CASE WHEN lost.held THEN
                                   greatest(%(now)s, coalesce(d.due_at, d.created_at) + make_interval(secs => %(fallback_seconds)s))
                               END)
                           ELSE d.fallback_due_at END,
    last_error = 'The worker was gone before it said what became of the attempt; it may have arrived',
    unnoted = true
FROM lost
WHERE d.id = lost.id
RETURNING d.id

-- name: release
-- Gives back what was claimed and not begun, under its lease.
UPDATE deliveries d
SET state = CASE WHEN d.first_failed_at IS NULL THEN 'pending' ELSE 'failed_retrying' END,
    next_attempt_at = %(now)s::timestamptz,
    lease_until = NULL,
    worker = NULL
FROM unnest(%(ids)s::uuid[], %(tokens)s::bigint[]) AS v (id, lease_token)
WHERE d.id = v.id AND d.state = 'sending' AND d.lease_token = v.lease_token
RETURNING d.id, d.reason IN ('opened', 'reminder', 'resolved', 'escalation', 'drill') AS tells

-- name: lock_routes
-- Holds routes before their duties: in this order an operator's change of a route takes them too.
SELECT id FROM alert_routes WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE

-- name: lock_settled
-- Holds duties to be settled and reads what may have changed since the claim.
SELECT d.id, d.state, d.lease_token, d.fallback_due_at, d.first_failed_at, r.enabled AND r.deleted_at IS NULL AS route_usable,
       r.state AS route_state, r.destination,
       d.reason IN ('opened', 'reminder', 'resolved', 'escalation', 'drill') AS tells
FROM deliveries d
JOIN alert_routes r ON r.id = d.route_id
WHERE d.id = ANY(%(ids)s::uuid[])
ORDER BY d.id
FOR NO KEY UPDATE OF d

-- name: with_words
-- Names those that have something left to tell, and whether it is all of it; a statement of its own, behind the locks:
-- whoever took words back held them, and the statement that waits sees the words as they were before.
SELECT delivery_id, bool_and(live) AS all_of_it
FROM delivery_incidents
WHERE delivery_id = ANY(%(ids)s::uuid[])
GROUP BY delivery_id
HAVING bool_or(live)

-- name: lock_breakers
-- Holds the breakers that something may have to be written to: of those that failed now, and of those that failed lately.
SELECT t.workspace_id, t.destination, t.failures_in_row, t.open_until, t.open_seconds
FROM destinations t
JOIN unnest(%(workspaces)s::uuid[], %(destinations)s::bytea[], %(failed)s::bool[]) AS v (workspace_id, destination, failed)
    ON t.workspace_id = v.workspace_id AND t.destination = v.destination
WHERE v.failed OR t.failures_in_row > 0 OR t.open_until IS NOT NULL
ORDER BY t.workspace_id, t.destination
FOR NO KEY UPDATE OF t

-- name: write_settled
-- Writes what became of duties, each under its lease; the caller holds their locks.
WITH settled AS (
    UPDATE deliveries d
    SET state = v.state,
        next_attempt_at = v.next_attempt_at,
        settled_at = v.settled_at,
        attempt_count = v.attempt_count,
        deferral_count = v.deferral_count,
        lease_until = NULL,
        worker = NULL,
        provider_id = coalesce(v.provider_id, d.provider_id),
        last_error = v.last_error,
        first_failed_at = v.first_failed_at,
        fallback_due_at = v.fallback_due_at,
        recipients = CASE WHEN v.recipients IS NULL THEN d.recipients ELSE string_to_array(v.recipients, E'\n') END,
        first_attempt_traceparent = coalesce(d.first_attempt_traceparent, v.traceparent),
        unnoted = true
    FROM unnest(%(ids)s::uuid[], %(tokens)s::bigint[], %(states)s::text[], %(next_attempt_at)s::timestamptz[],
                %(settled_at)s::timestamptz[], %(attempt_counts)s::int[], %(deferral_counts)s::int[], %(provider_ids)s::text[],
                %(last_errors)s::text[], %(first_failed_at)s::timestamptz[], %(fallback_due_at)s::timestamptz[],
                %(recipients)s::text[], %(traceparents)s::text[])
        AS v (id, lease_token, state, next_attempt_at, settled_at, attempt_count, deferral_count, provider_id, last_error,
              first_failed_at, fallback_due_at, recipients, traceparent)
    WHERE d.id = v.id AND d.lease_token = v.lease_token AND d.state = 'sending'
    RETURNING 1
)
SELECT luota_assert_rows('write_settled', cardinality(%(ids)s), (SELECT count(*) FROM settled))

-- name: deliver_late
-- A provider took it although the lease had passed on: it is delivered, whoever holds it now.
UPDATE deliveries d
SET state = 'delivered',
    next_attempt_at = NULL,
    lease_until = NULL,
    worker = NULL,
    settled_at = %(now)s::timestamptz,
    provider_id = coalesce(v.provider_id, d.provider_id),
    last_error = NULL,
    fallback_due_at = NULL,
    unnoted = true
FROM unnest(%(ids)s::uuid[], %(provider_ids)s::text[]) AS v (id, provider_id)
WHERE d.id = v.id AND d.state IN ('pending', 'sending', 'failed_retrying')

-- name: end_words
-- Frees (incident, route) of duties that are final.
UPDATE delivery_incidents SET live = false WHERE delivery_id = ANY(%(ids)s::uuid[]) AND live

-- name: insert_attempts
-- Keeps each attempt; the same attempt told twice, after a COMMIT whose answer was cut, is kept once.
INSERT INTO delivery_attempts (delivery_id, number, started_at, ended_at, duration_ms, outcome, http_status, provider_id,
                               retry_after_seconds, error, reply, resolved_address, worker, trace_id, request_id, late)
SELECT * FROM unnest(%(ids)s::uuid[], %(numbers)s::int[], %(started_at)s::timestamptz[], %(ended_at)s::timestamptz[],
                     %(duration_ms)s::int[], %(outcomes)s::text[], %(http_statuses)s::int[], %(provider_ids)s::text[],
                     %(retry_after_seconds)s::int[], %(errors)s::text[], %(replies)s::text[], %(addresses)s::text[],
                     %(workers)s::text[], %(trace_ids)s::text[], %(request_ids)s::text[], %(late)s::bool[])
ON CONFLICT DO NOTHING
RETURNING delivery_id

-- name: write_breakers
-- Keeps what breakers found; the caller holds their locks.
UPDATE destinations t
SET failures_in_row = v.failures_in_row, open_until = v.open_until, open_seconds = v.open_seconds
FROM unnest(%(workspaces)s::uuid[], %(destinations)s::bytea[], %(failures_in_row)s::int[], %(open_until)s::timestamptz[],
            %(open_seconds)s::int[]) AS v (workspace_id, destination, failures_in_row, open_until, open_seconds)
WHERE t.workspace_id = v.workspace_id AND t.destination = v.destination

-- name: write_routes
-- Keeps what routes proved, the newest word of each; the caller holds them.
UPDATE alert_routes r
SET state = coalesce(v.state, r.state),
    last_delivered_at = coalesce(v.delivered_at, r.last_delivered_at),
    last_error = v.error,
    last_failed_at = coalesce(v.failed_at, r.last_failed_at)
FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(delivered_at)s::timestamptz[], %(failed_at)s::timestamptz[],
            %(errors)s::text[]) AS v (id, state, delivered_at, failed_at, error)
WHERE r.id = v.id AND r.deleted_at IS NULL

-- name: make_due
-- A route takes alerts again: what failed there before is tried now, a thousand at a time, for each that is taken then makes
-- more due. What was only ever asked to come later keeps the instant that its provider named; what somebody else holds is
-- left alone. Index: deliveries_waiting.
UPDATE deliveries d
SET next_attempt_at = %(now)s::timestamptz
FROM unnest(%(workspaces)s::uuid[], %(destinations)s::bytea[]) AS t (workspace_id, destination)
CROSS JOIN LATERAL (
    SELECT w.id
    FROM deliveries w
    WHERE w.workspace_id = t.workspace_id AND w.destination = t.destination AND w.next_attempt_at > %(now)s::timestamptz
      AND w.state = 'failed_retrying' AND (w.deferral_count = 0 OR w.attempt_count > 0)
    ORDER BY w.next_attempt_at, w.id
    LIMIT 1000
    FOR NO KEY UPDATE SKIP LOCKED
) waiting
WHERE d.id = waiting.id

-- name: next_due
-- When the next duty is due that no breaker stands before; the past for one that is due and waits for room.
SELECT min(next_attempt_at) AS at FROM deliveries WHERE next_attempt_at > %(now)s::timestamptz

-- name: standing
-- How the outbox stands, for the gauges. Indexes: deliveries_due, deliveries_leased.
SELECT (SELECT min(d.due_at)
        FROM (SELECT due_at, next_attempt_at FROM deliveries WHERE next_attempt_at <= %(now)s::timestamptz
              ORDER BY next_attempt_at LIMIT 1000) d) AS oldest_due_at,
       (SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE next_attempt_at IS NOT NULL LIMIT 10001) w) AS waiting,
       breakers.open AS breakers_open, breakers.half_open AS breakers_half_open
FROM (
    SELECT count(*) FILTER (WHERE t.open_until > %(now)s) AS open, count(*) FILTER (WHERE t.open_until <= %(now)s) AS half_open
    FROM destinations t
    -- One that no route leads to any more is tried by nobody, and would stand open for ever.
    WHERE t.open_until IS NOT NULL
      AND EXISTS (
        SELECT 1 FROM alert_routes r
        WHERE r.workspace_id = t.workspace_id AND r.destination = t.destination AND r.deleted_at IS NULL
      )
) breakers
