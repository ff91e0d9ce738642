-- Deliveries that do not arrive, and the duties to tell fallback routes of them (store/route_failures.py). Lock order:
-- the routes that fail, in id order, as a settle does; then deliveries, never waiting for any.

-- name: call_for_held
-- Calls for somebody else about words that wait behind an open breaker: nobody attempts them, so that they never fail. What
-- somebody holds is left for the next look. Index: deliveries_waiting.
WITH held AS MATERIALIZED (
    SELECT d.id
    FROM destinations t
    CROSS JOIN LATERAL (
        SELECT d.id
        FROM deliveries d
        WHERE d.workspace_id = t.workspace_id AND d.destination = t.destination AND d.next_attempt_at IS NOT NULL
          -- The instant within a row, so that no plan reads all that is due anywhere.
          AND (d.workspace_id, d.destination, d.next_attempt_at) <= (t.workspace_id, t.destination, %(before)s)
          AND d.state = 'pending' AND d.reason IN ('opened', 'reminder', 'resolved', 'escalation')
          AND d.first_failed_at IS NULL
        LIMIT %(most)s
        FOR NO KEY UPDATE SKIP LOCKED
    ) d
    WHERE t.open_until IS NOT NULL
    LIMIT %(most)s
)
UPDATE deliveries d
SET first_failed_at = %(now)s, fallback_due_at = %(now)s
FROM held
WHERE d.id = held.id

-- name: due
-- Names deliveries of which somebody else is to be told now, with their routes; nothing is held yet.
-- Index: deliveries_fallback.
SELECT id, route_id
FROM deliveries
WHERE fallback_due_at <= %(now)s
ORDER BY fallback_due_at, id
LIMIT %(most)s

-- name: hold_routes
-- Holds the routes that fail: one replica tells of each at a time.
SELECT id, workspace_id, destination, drill
FROM alert_routes
WHERE id = ANY(%(ids)s::uuid[])
ORDER BY id
FOR NO KEY UPDATE

-- name: hold_due
-- Holds those that are still due; what is being settled at this moment is left for the next look.
SELECT id
FROM deliveries
WHERE id = ANY(%(ids)s::uuid[]) AND fallback_due_at <= %(now)s
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED

-- name: failing
-- Reads those that are held with the incidents that they do not tell; words that were taken back are none.
SELECT d.id, d.workspace_id, d.route_id, d.severity_rank, d.request_id, d.traceparent,
       ARRAY(SELECT di.incident_id FROM delivery_incidents di
             WHERE di.delivery_id = d.id AND (di.live OR d.state = 'failed_terminal')) AS incident_ids
FROM deliveries d
WHERE d.id = ANY(%(ids)s::uuid[])

-- name: fallbacks
-- Names the fallback routes of workspaces. Index: alert_routes_of_workspace.
SELECT id, workspace_id, destination, drill
FROM alert_routes
WHERE workspace_id = ANY(%(workspace_ids)s::uuid[]) AND fallback AND enabled AND deleted_at IS NULL
ORDER BY id

-- name: told
-- Reads what fallback routes were told of failing routes lately, or are to be told; what failed for good was told to
-- nobody. Index: deliveries_about.
SELECT d.id, d.route_id, d.about_route_id, d.due_at,
       ARRAY(SELECT di.incident_id FROM delivery_incidents di WHERE di.delivery_id = d.id) AS incident_ids
FROM deliveries d
WHERE d.route_id = ANY(%(fallback_ids)s::uuid[])
  AND d.about_route_id = ANY(%(about_ids)s::uuid[])
  AND d.reason = 'route_failure'
  AND d.created_at > %(waiting_since)s
  AND (d.created_at > %(since)s AND d.state IN ('sending', 'delivered', 'failed_retrying') OR d.state = 'pending')

-- name: hold_open
-- Holds, of those that were told, the ones that can tell more: whose content nobody has frozen or is freezing now.
SELECT id
FROM deliveries
WHERE id = ANY(%(ids)s::uuid[]) AND state = 'pending' AND content IS NULL
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED

-- name: insert
-- Writes duties to tell fallback routes.
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        next_attempt_at, due_at, request_id, traceparent, about_route_id)
SELECT v.id, v.workspace_id, v.route_id, v.destination, 'route_failure', 'pending', v.severity_rank, %(now)s, v.expires_at,
       v.due_at, v.due_at, v.request_id, v.traceparent, v.about_route_id
FROM unnest(%(ids)s::uuid[], %(workspace_ids)s::uuid[], %(route_ids)s::uuid[], %(destinations)s::bytea[],
            %(severity_ranks)s::smallint[], %(due_at)s::timestamptz[], %(expires_at)s::timestamptz[],
            %(request_ids)s::text[], %(traceparents)s::text[], %(about_route_ids)s::uuid[])
    AS v (id, workspace_id, route_id, destination, severity_rank, due_at, expires_at, request_id, traceparent, about_route_id)

-- name: name_incidents
-- Names the incidents of such duties. They are not words about the incidents, so they are never live, and have no place
-- in the sequence of those words.
INSERT INTO delivery_incidents (delivery_id, incident_id, route_id, sequence, live)
SELECT d.id, v.incident_id, d.route_id, 0, false
FROM unnest(%(ids)s::uuid[], %(incident_ids)s::uuid[]) AS v (id, incident_id)
JOIN deliveries d ON d.id = v.id
ON CONFLICT (delivery_id, incident_id) DO NOTHING

-- name: raise_severity
-- A duty that names more is as urgent as the worst of it.
UPDATE deliveries d
SET severity_rank = v.severity_rank
FROM unnest(%(ids)s::uuid[], %(severity_ranks)s::smallint[]) AS v (id, severity_rank)
WHERE d.id = v.id AND d.severity_rank < v.severity_rank

-- name: done
-- Somebody else was told, or nobody can be.
UPDATE deliveries SET fallback_due_at = NULL WHERE id = ANY(%(ids)s::uuid[])
