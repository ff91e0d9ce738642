-- The outbox: duties are claimed by destination, settled under their leases, taken over when a lease ran out
-- (store/deliveries.py). Lock order: destinations are claimed with SKIP LOCKED, so a claim waits for nobody; a settle
-- locks deliveries, then destinations, each in the order of their keys.

-- name: due_front
-- Names the destinations of the duties that have been due the longest. Index: deliveries_due.
SELECT workspace_id, destination
FROM deliveries
WHERE next_attempt_at <= %(now)s::timestamptz
ORDER BY next_attempt_at, id
LIMIT %(most)s::int

-- name: free_destinations
-- Holds destinations with due duties, those that are named or all after a place in their order: how many duties wait, how
-- many are in flight, and what bulkhead, breaker and pace remember. Walks the index from one destination to the next, so
-- that a crowd behind one that is full costs no more than one duty. Indexes: deliveries_waiting, deliveries_in_flight.
WITH RECURSIVE waiting AS (
    (
        SELECT d.workspace_id, d.destination
        FROM deliveries d
        WHERE %(walk)s::bool AND d.next_attempt_at IS NOT NULL
          AND (d.workspace_id, d.destination) > (%(after_workspace)s::uuid, %(after_destination)s::bytea)
        ORDER BY d.workspace_id, d.destination
        LIMIT 1
    )
    UNION ALL
    SELECT n.workspace_id, n.destination
    FROM waiting w
    CROSS JOIN LATERAL (
        SELECT d.workspace_id, d.destination
        FROM deliveries d
        WHERE d.next_attempt_at IS NOT NULL AND (d.workspace_id, d.destination) > (w.workspace_id, w.destination)
        ORDER BY d.workspace_id, d.destination
        LIMIT 1
    ) n
), named AS (
    SELECT workspace_id, destination
    FROM unnest(%(workspaces)s::uuid[], %(destinations)s::bytea[]) AS v (workspace_id, destination)
    UNION ALL
    SELECT workspace_id, destination FROM waiting
)
SELECT t.workspace_id, t.destination, t.per_second, t.claimed_second, t.claimed_in_second, t.paced, t.last_message_at,
       t.messages_in_row, t.storm_until, t.failures_in_row, t.open_until, t.open_seconds, told.waiting, told.critical,
       (SELECT count(*)
        FROM deliveries d
        WHERE d.workspace_id = t.workspace_id AND d.destination = t.destination AND d.lease_until IS NOT NULL) AS in_flight
FROM named w
-- One after the other, in their order and no further than the limit: a join would read all that wait first.
CROSS JOIN LATERAL (
    SELECT t.*
    FROM destinations t
    WHERE t.workspace_id = w.workspace_id AND t.destination = w.destination
      AND (t.open_until IS NULL OR t.open_until <= %(now)s::timestamptz)
      AND EXISTS (
        SELECT 1
        FROM deliveries d
        WHERE d.workspace_id = w.workspace_id AND d.destination = w.destination AND d.next_attempt_at <= %(now)s
      )
    FOR NO KEY UPDATE SKIP LOCKED
) t
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting,
           coalesce(bool_or(first.severity_rank = 4), false)
               -- Of a crowd that is told together, one that stands anywhere in it is not held for longer.
               OR t.paced AND count(*) >= %(crowd)s AND EXISTS (
                   SELECT 1
                   FROM (
                       SELECT d.severity_rank
                       FROM deliveries d
                       WHERE d.workspace_id = w.workspace_id AND d.destination = w.destination
                         AND d.next_attempt_at <= %(now)s
                         AND d.state = 'pending' AND d.reason IN ('opened', 'reminder', 'resolved', 'escalation')
                       ORDER BY d.next_attempt_at, d.id
                       LIMIT %(gather_most)s::int
                   ) crowd
                   WHERE crowd.severity_rank = 4
               ) AS critical
    FROM (
        SELECT d.severity_rank
        FROM deliveries d
        WHERE d.workspace_id = w.workspace_id AND d.destination = w.destination AND d.next_attempt_at <= %(now)s
          AND d.state = 'pending' AND d.reason IN ('opened', 'reminder', 'resolved', 'escalation')
        ORDER BY d.next_attempt_at, d.id
        LIMIT %(crowd)s::int
    ) first
) told
LIMIT %(most)s::int

-- name: gather
-- Lets one duty of a route tell what several were to tell: news of what broke together, news of what ended together, in one
-- message for as many incidents as one can name. The others are cancelled and name it. What was frozen before (given back by a worker that stopped, told again by hand)
-- goes by itself: it can name nobody else. So does a word about an incident that the leader has named before. Index:
-- deliveries_waiting.
WITH due AS MATERIALIZED (
    SELECT d.id, d.route_id, d.reason, d.severity_rank, d.first_failed_at, d.fallback_due_at,
           (SELECT greatest(count(*), 1) FROM delivery_incidents di WHERE di.delivery_id = d.id) AS words
    FROM unnest(%(workspaces)s::uuid[], %(destinations)s::bytea[]) AS t (workspace_id, destination)
    CROSS JOIN LATERAL (
        SELECT d.id, d.route_id, d.reason, d.severity_rank, d.first_failed_at, d.fallback_due_at
        FROM deliveries d
        WHERE d.workspace_id = t.workspace_id AND d.destination = t.destination AND d.next_attempt_at <= %(now)s::timestamptz
          AND d.state = 'pending' AND d.reason IN ('opened', 'reminder', 'resolved', 'escalation')
          AND d.content IS NULL
        ORDER BY d.next_attempt_at, d.id
        LIMIT %(most)s::int
        FOR NO KEY UPDATE SKIP LOCKED
    ) d
), parted AS (
    SELECT *, (sum(words) OVER (PARTITION BY route_id, reason = 'resolved' ORDER BY (reason = 'opened') DESC, id) - 1)::int
              / %(named_most)s::int AS message
    FROM due
), led AS (
    SELECT id, severity_rank, first_failed_at, fallback_due_at, first_value(id) OVER message AS leader,
           sum(words) OVER message AS named
    FROM parted
    WINDOW message AS (PARTITION BY route_id, reason = 'resolved', message ORDER BY (reason = 'opened') DESC, id)
), follows AS (
    SELECT id, severity_rank, first_failed_at, fallback_due_at, leader
    FROM led
    WHERE id <> leader AND named <= %(named_most)s AND NOT EXISTS (
        SELECT 1
        FROM delivery_incidents mine
        JOIN delivery_incidents named ON named.delivery_id = led.leader AND named.incident_id = mine.incident_id
        WHERE mine.delivery_id = led.id AND mine.live
    )
), moved AS (
    UPDATE delivery_incidents di
    SET delivery_id = f.leader
    FROM follows f
    WHERE di.delivery_id = f.id AND di.live
), gathered AS (
    UPDATE deliveries d
    SET state = 'cancelled', settled_at = %(now)s, next_attempt_at = NULL, fallback_due_at = NULL, gathered_into = f.leader
    FROM follows f
    WHERE d.id = f.id
), raised AS (
    -- What waited behind an open breaker was told to somebody else (store/route_failures.sql); what joins it may not be yet.
    UPDATE deliveries d
    SET severity_rank = greatest(d.severity_rank, most.severity_rank),
        first_failed_at = CASE WHEN most.untold THEN NULL ELSE d.first_failed_at END,
        fallback_due_at = least(d.fallback_due_at, most.fallback_due_at)
    FROM (
        SELECT leader, max(severity_rank) AS severity_rank, bool_or(first_failed_at IS NULL) AS untold,
               min(fallback_due_at) AS fallback_due_at
        FROM follows
        GROUP BY leader
    ) most
    WHERE d.id = most.leader
      AND (d.severity_rank < most.severity_rank OR most.untold AND d.first_failed_at IS NOT NULL
           OR most.fallback_due_at IS NOT NULL)
)
SELECT count(*) AS gathered FROM follows

-- name: take
-- Claims the oldest due duties of destinations that are held, as many as each has room for, and among them no more first
-- words than its pace lets go. Not of a route that has a word about the same incident in flight: it would come before
-- that one. What is in flight is counted anew: the look that held the destinations may have begun before another worker's
-- claim was committed. Indexes: deliveries_waiting, deliveries_in_flight.
WITH chosen AS MATERIALIZED (
    SELECT d.id
    FROM unnest(%(workspaces)s::uuid[], %(destinations)s::bytea[], %(room)s::int[], %(first_words)s::int[],
                %(in_flight_most)s::int[])
        AS t (workspace_id, destination, room, first_words, in_flight_most)
    CROSS JOIN LATERAL (
        SELECT greatest(least(t.room, t.in_flight_most - count(*)), 0) AS room
        FROM deliveries d
        WHERE d.workspace_id = t.workspace_id AND d.destination = t.destination AND d.lease_until IS NOT NULL
    ) free
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(first.id), '{}') AS ids
        FROM (
            SELECT d.id
            FROM deliveries d
            WHERE d.workspace_id = t.workspace_id AND d.destination = t.destination AND d.next_attempt_at <= %(now)s::timestamptz
              AND d.state = 'pending' AND d.reason IN ('opened', 'reminder', 'resolved', 'escalation')
            ORDER BY d.next_attempt_at, d.id
            LIMIT t.first_words
        ) first
    ) paced
    CROSS JOIN LATERAL (
        SELECT d.id
        FROM deliveries d
        WHERE d.workspace_id = t.workspace_id AND d.destination = t.destination AND d.next_attempt_at <= %(now)s
          AND (d.state <> 'pending' OR d.reason NOT IN ('opened', 'reminder', 'resolved', 'escalation')
               OR d.id = ANY(paced.ids))
          -- A value, not EXISTS: as a join it would begin with all that is in flight, of which the index keeps the dead too.
          AND (
            SELECT true
            FROM delivery_incidents mine
            JOIN delivery_incidents other ON other.incident_id = mine.incident_id AND other.route_id = mine.route_id
            JOIN deliveries flying ON flying.id = other.delivery_id
            WHERE mine.delivery_id = d.id AND mine.live AND other.delivery_id <> d.id AND flying.lease_until IS NOT NULL
            LIMIT 1
          ) IS NULL
        ORDER BY d.next_attempt_at, d.id
        LIMIT free.room
        FOR NO KEY UPDATE SKIP LOCKED
    ) d
    LIMIT %(most)s::int
)
UPDATE deliveries d
SET state = 'sending',
    -- One that was written while its route was given another target names the one before.
    destination = r.destination,
    next_attempt_at = NULL,
    lease_token = d.lease_token + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(lease_seconds)s::float8),
    worker = %(worker)s::text
FROM chosen c, alert_routes r
-- What a change of its route left behind is ended soon (store/left_behind.sql).
WHERE d.id = c.id AND r.id = d.route_id AND r.enabled AND r.deleted_at IS NULL
-- A release before 0003 that still takes signals writes no due_at.
RETURNING d.id, d.workspace_id, d.route_id, r.name AS route_name, r.kind, r.state AS route_state, d.destination, d.reason,
          d.created_at, coalesce(d.due_at, d.created_at) AS due_at, d.expires_at, d.attempt_count, d.deferral_count,
          d.lost_count, d.lease_token, d.content, r.target, d.recipients, d.request_id, d.traceparent, d.first_attempt_traceparent, d.about_route_id

-- name: freeze
-- Keeps what is told: the same bytes on every attempt.
UPDATE deliveries d
SET content = v.content
FROM unnest(%(ids)s::uuid[], %(contents)s::bytea[]) AS v (id, content)
WHERE d.id = v.id AND d.content IS NULL

-- name: note_claims
-- Keeps what bulkhead and pace must remember of destinations that are held.
UPDATE destinations t
SET claimed_second = v.claimed_second,
    claimed_in_second = v.claimed_in_second,
    last_message_at = v.last_message_at,
    messages_in_row = v.messages_in_row,
    storm_until = v.storm_until
FROM unnest(%(workspaces)s::uuid[], %(destinations)s::bytea[], %(claimed_second)s::timestamptz[],
            %(claimed_in_second)s::smallint[], %(last_message_at)s::timestamptz[], %(messages_in_row)s::int[],
            %(storm_until)s::timestamptz[])
    AS v (workspace_id, destination, claimed_second, claimed_in_second, last_message_at, messages_in_row, storm_until)
WHERE t.workspace_id = v.workspace_id AND t.destination = v.destination

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
