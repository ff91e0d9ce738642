-- Alert routes as operators set and read them (store/routes.py). A deleted one keeps its row and tells nobody; its target is
-- forgotten. Lock order: the route, then its deliveries in the order of their ids, then destinations.

-- name: read
-- Reads one.
SELECT id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask, destination, fallback, after_seconds,
       enabled, state, last_delivered_at, last_failed_at, last_error, created_at, updated_at, deleted_at, version
FROM alert_routes
WHERE id = %(id)s AND deleted_at IS NULL

-- name: lock
-- Reads one that is to be changed, and holds it.
SELECT id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask, destination, fallback, after_seconds,
       enabled, state, last_delivered_at, last_failed_at, last_error, created_at, updated_at, deleted_at, version
FROM alert_routes
WHERE id = %(id)s AND deleted_at IS NULL
FOR NO KEY UPDATE

-- name: page
-- Lists a workspace's, those made last first; it has at most 200. Index: alert_routes_of_workspace.
SELECT id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask, destination, fallback, after_seconds,
       enabled, state, last_delivered_at, last_failed_at, last_error, created_at, updated_at, deleted_at, version
FROM alert_routes
WHERE workspace_id = %(workspace_id)s AND deleted_at IS NULL
  AND (%(after_at)s::timestamptz IS NULL OR (created_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s

-- name: lock_workspace
-- Lets routes of one workspace be made one after the other.
SELECT 1 FROM workspaces WHERE id = %(workspace_id)s FOR NO KEY UPDATE

-- name: count
-- How many routes a workspace has. Index: alert_routes_of_workspace.
SELECT count(*) AS routes FROM alert_routes WHERE workspace_id = %(workspace_id)s AND deleted_at IS NULL

-- name: insert
-- Makes one; nothing was delivered through it yet.
INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask, destination,
                          fallback, after_seconds, enabled, state, created_at, updated_at)
VALUES (%(id)s, %(workspace_id)s, %(name)s, %(kind)s, %(monitor_ids)s, %(min_severity)s, %(target)s, %(target_mask)s,
        %(destination)s, %(fallback)s, %(after_seconds)s, %(enabled)s, 'unproven', %(now)s, %(now)s)

-- name: update
-- Writes settings and target, from the version that the decision saw. What was proven of another target is not of this one.
UPDATE alert_routes
SET name = %(name)s, monitor_ids = %(monitor_ids)s, min_severity = %(min_severity)s, fallback = %(fallback)s,
    after_seconds = %(after_seconds)s, enabled = %(enabled)s, target = %(target)s, target_mask = %(target_mask)s,
    destination = %(destination)s,
    state = CASE WHEN %(retargeted)s::bool THEN 'unproven' ELSE state END,
    last_error = CASE WHEN %(retargeted)s::bool THEN NULL ELSE last_error END,
    last_failed_at = CASE WHEN %(retargeted)s::bool THEN NULL ELSE last_failed_at END,
    refreshed_at = CASE WHEN %(retargeted)s::bool THEN NULL ELSE refreshed_at END,
    updated_at = %(now)s, version = version + 1
WHERE id = %(id)s AND version = %(version)s AND deleted_at IS NULL

-- name: delete
-- Deletes one softly; its secrets are forgotten.
UPDATE alert_routes
SET deleted_at = %(now)s, target = '', updated_at = %(now)s, version = version + 1
WHERE id = %(id)s AND version = %(version)s AND deleted_at IS NULL

-- name: keep_destination
-- Makes sure that a destination stands, and how it is spoken to; what its breaker and its pace remember stays.
INSERT INTO destinations (workspace_id, destination, per_second, paced)
VALUES (%(workspace_id)s, %(destination)s, %(per_second)s, %(paced)s)
ON CONFLICT (workspace_id, destination) DO UPDATE SET per_second = excluded.per_second, paced = excluded.paced

-- name: close_breaker
-- Forgets what failed at a destination: somebody says that it is repaired.
UPDATE destinations
SET failures_in_row = 0, open_until = NULL, open_seconds = NULL
WHERE workspace_id = %(workspace_id)s AND destination = %(destination)s

-- name: let_probe
-- Lets one attempt through an open breaker now.
UPDATE destinations
SET open_until = %(now)s
WHERE workspace_id = %(workspace_id)s AND destination = %(destination)s AND open_until > %(now)s

-- name: lock_unfinished
-- Holds what a route is still to be told: all that is in flight, and of what waits where it leads the oldest; the rest
-- follows later (store/left_behind.sql). Indexes: deliveries_waiting_of_route, deliveries_in_flight.
WITH unfinished AS MATERIALIZED (
    (
        SELECT id
        FROM deliveries
        WHERE route_id = %(route_id)s AND destination = %(destination)s AND next_attempt_at IS NOT NULL
        ORDER BY next_attempt_at
        LIMIT %(most)s
    )
    UNION
    SELECT id
    FROM deliveries
    WHERE workspace_id = %(workspace_id)s AND lease_until IS NOT NULL AND route_id = %(route_id)s
)
SELECT id
FROM deliveries
WHERE id = ANY(ARRAY(SELECT id FROM unfinished)) AND settled_at IS NULL
ORDER BY id
FOR NO KEY UPDATE

-- name: redirect
-- Sends what is unfinished to where its route leads now, at once; an escalation not before it is due. Deliveries are held.
UPDATE deliveries
SET destination = %(destination)s,
    next_attempt_at = CASE WHEN next_attempt_at IS NOT NULL
                           THEN least(next_attempt_at, greatest(coalesce(due_at, created_at), %(now)s::timestamptz)) END
WHERE id = ANY(%(ids)s::uuid[]) AND settled_at IS NULL

-- name: free_words
-- Frees (incident, route) of waiting duties that end. Deliveries are held.
UPDATE delivery_incidents di
SET live = false
FROM deliveries d
WHERE d.id = ANY(%(ids)s::uuid[]) AND d.next_attempt_at IS NOT NULL AND di.delivery_id = d.id AND di.live

-- name: end_waiting
-- Ends what waits for a route that takes nothing any more; what is in flight ends at its settle. Deliveries are held.
UPDATE deliveries
SET state = 'failed_terminal', settled_at = %(now)s, next_attempt_at = NULL, last_error = %(error)s,
    first_failed_at = coalesce(first_failed_at, %(now)s),
    fallback_due_at = CASE WHEN reason NOT IN ('test', 'drill', 'route_failure') THEN %(now)s::timestamptz END,
    unnoted = true
WHERE id = ANY(%(ids)s::uuid[]) AND next_attempt_at IS NOT NULL

-- name: insert_test
-- Writes the duty to send a test alert: of no incident, due at once.
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        next_attempt_at, due_at, request_id, traceparent)
VALUES (%(id)s, %(workspace_id)s, %(route_id)s, %(destination)s, 'test', 'pending', 1, %(now)s, %(expires_at)s,
        %(now)s, %(now)s, %(request_id)s, %(traceparent)s)

-- name: sealed
-- Reads and holds some sealed targets, in the order of their ids.
SELECT id, target
FROM alert_routes
WHERE deleted_at IS NULL AND id > %(after)s
ORDER BY id
LIMIT %(limit)s
FOR NO KEY UPDATE

-- name: reseal
-- Keeps targets as they were sealed anew: the same, under another key, so no change by an operator.
UPDATE alert_routes r
SET target = v.target
FROM unnest(%(ids)s::uuid[], %(targets)s::bytea[]) AS v (id, target)
WHERE r.id = v.id

-- name: break
-- Says that routes take nothing until somebody repairs them, and why.
UPDATE alert_routes
SET state = 'broken', last_error = %(error)s, last_failed_at = %(now)s
WHERE id = ANY(%(ids)s::uuid[]) AND (state <> 'broken' OR last_error IS DISTINCT FROM %(error)s)
