-- Claims of the outbox (store/deliveries.py): which destinations have room, what is gathered there, what is taken and
-- frozen. Destinations are held with SKIP LOCKED, so that a claim waits for nobody.

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
-- claim was committed. First words and the others are each read to their own end, or a claim would read a whole crowd of
-- the one for the other. Indexes: deliveries_first_words, deliveries_apart, deliveries_in_flight.
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
        SELECT here.id
        FROM (
            (
                SELECT d.id, d.next_attempt_at
                FROM deliveries d
                WHERE d.workspace_id = t.workspace_id AND d.destination = t.destination
                  AND d.next_attempt_at <= %(now)s::timestamptz
                  AND d.state = 'pending' AND d.reason IN ('opened', 'reminder', 'resolved', 'escalation')
                ORDER BY d.next_attempt_at, d.id
                LIMIT t.first_words
            )
            UNION ALL
            (
                SELECT d.id, d.next_attempt_at
                FROM deliveries d
                WHERE d.workspace_id = t.workspace_id AND d.destination = t.destination AND d.next_attempt_at <= %(now)s
                  AND (d.state <> 'pending' OR d.reason NOT IN ('opened', 'reminder', 'resolved', 'escalation'))
                ORDER BY d.next_attempt_at, d.id
                -- A few more: some may be held, or wait for a word of their incident that is in flight.
                LIMIT free.room + 16
            )
        ) here
        -- That it waits is said of the row that is locked, too: what was taken back since the look is not taken.
        JOIN deliveries d ON d.id = here.id AND d.next_attempt_at <= %(now)s
        -- A value, step by step, and by the state, which no index knows: as a join or by the lease it would begin with all
        -- that is in flight anywhere, for each duty anew.
        WHERE (
            SELECT true
            FROM (
                SELECT di.incident_id, di.route_id FROM delivery_incidents di WHERE di.delivery_id = here.id AND di.live OFFSET 0
            ) mine
            CROSS JOIN LATERAL (
                SELECT di.delivery_id
                FROM delivery_incidents di
                WHERE di.incident_id = mine.incident_id AND di.route_id = mine.route_id AND di.delivery_id <> here.id
                OFFSET 0
            ) other
            JOIN deliveries flying ON flying.id = other.delivery_id AND flying.state = 'sending'
            LIMIT 1
        ) IS NULL
        ORDER BY here.next_attempt_at, here.id
        LIMIT free.room
        FOR NO KEY UPDATE OF d SKIP LOCKED
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
