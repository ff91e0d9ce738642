-- Drills as rows (store/drills.py). Lock order: a drill's route, then its deliveries, as everybody does.

-- name: read
-- Reads one.
SELECT id, workspace_id, monitor_id, route_id, request_id, received_count, created_at, expires_at, repaired_at, ended_at
FROM drills
WHERE id = %(id)s

-- name: lock_workspace
-- Of two who start one in a workspace at once, the second waits.
SELECT id FROM workspaces WHERE id = %(workspace_id)s FOR NO KEY UPDATE

-- name: count_standing
-- Counts those that have not ended. Index: drills_standing.
SELECT count(*) AS drills FROM drills WHERE workspace_id = %(workspace_id)s AND ended_at IS NULL

-- name: insert
-- Keeps a new one.
INSERT INTO drills (id, workspace_id, monitor_id, route_id, request_id, created_at, expires_at)
VALUES (%(id)s, %(workspace_id)s, %(monitor_id)s, %(route_id)s, %(request_id)s, %(now)s, %(expires_at)s)

-- name: claim_route
-- Gives it its route, which is told of its monitor, and that of nobody else.
UPDATE alert_routes SET drill = true WHERE id = %(route_id)s

-- name: made_route
-- Tells whether a route is a drill's.
SELECT id FROM alert_routes WHERE id = %(route_id)s AND drill

-- name: receive
-- Counts what one was told, while it lasts, and tells whether its receiver is repaired.
UPDATE drills
SET received_count = received_count + 1
WHERE id = %(id)s AND ended_at IS NULL AND expires_at > %(now)s
RETURNING repaired_at IS NOT NULL AS repaired

-- name: repair
-- Lets its receiver take what it is told; the first repair stands.
UPDATE drills SET repaired_at = %(now)s WHERE id = %(id)s AND repaired_at IS NULL AND ended_at IS NULL

-- name: lock_route
-- Holds a drill's route.
SELECT r.id FROM alert_routes r WHERE r.id = %(route_id)s FOR NO KEY UPDATE

-- name: lock_undelivered
-- Holds what its route is still to be told. Index: deliveries_of_route.
SELECT id, state
FROM deliveries
WHERE route_id = %(route_id)s AND state IN ('pending', 'sending', 'failed_retrying')
ORDER BY id
FOR NO KEY UPDATE

-- name: make_due
-- Sends at once what waits; it is held.
UPDATE deliveries SET next_attempt_at = %(now)s WHERE id = ANY(%(ids)s::uuid[]) AND next_attempt_at > %(now)s

-- name: close_breaker
-- Lets the receiver be tried at once.
UPDATE destinations t
SET failures_in_row = 0, open_until = NULL, open_seconds = NULL
FROM alert_routes r
WHERE r.id = %(route_id)s AND t.workspace_id = r.workspace_id AND t.destination = r.destination

-- name: cancel
-- Takes back what waits; it is held. Nobody else is told that it did not arrive.
UPDATE deliveries
SET state = 'cancelled', settled_at = %(now)s, next_attempt_at = NULL, fallback_due_at = NULL
WHERE id = ANY(%(ids)s::uuid[])

-- name: end_words
-- Frees what was taken back.
UPDATE delivery_incidents SET live = false WHERE delivery_id = ANY(%(ids)s::uuid[]) AND live

-- name: close_route
-- Removes its route.
UPDATE alert_routes
SET enabled = false, deleted_at = %(now)s, updated_at = %(now)s, version = version + 1
WHERE id = %(route_id)s AND deleted_at IS NULL

-- name: end
-- Says that it has ended.
UPDATE drills SET ended_at = %(now)s WHERE id = %(id)s AND ended_at IS NULL

-- name: expired
-- Names those that nobody has ended in time. Index: drills_standing.
SELECT id FROM drills WHERE ended_at IS NULL AND expires_at <= %(now)s ORDER BY expires_at LIMIT %(most)s
