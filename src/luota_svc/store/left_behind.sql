-- Waiting duties that a change of their route left behind (store/left_behind.py). Lock order: the routes, then their
-- deliveries, never waiting for any.

-- name: places
-- Names routes with the destinations at which something waits for them although they take nothing any more or lead
-- elsewhere. Walks the index from one place to the next, however much waits at each. Index: deliveries_waiting_of_route.
WITH RECURSIVE waiting AS (
    (
        SELECT d.route_id, d.destination
        FROM deliveries d
        WHERE d.next_attempt_at IS NOT NULL
        ORDER BY d.route_id, d.destination
        LIMIT 1
    )
    UNION ALL
    SELECT n.route_id, n.destination
    FROM waiting w
    CROSS JOIN LATERAL (
        SELECT d.route_id, d.destination
        FROM deliveries d
        WHERE d.next_attempt_at IS NOT NULL AND (d.route_id, d.destination) > (w.route_id, w.destination)
        ORDER BY d.route_id, d.destination
        LIMIT 1
    ) n
)
SELECT w.route_id, w.destination
FROM waiting w
JOIN alert_routes r ON r.id = w.route_id
WHERE NOT r.enabled OR r.deleted_at IS NOT NULL OR r.destination <> w.destination
LIMIT %(most)s

-- name: hold_routes
-- Holds routes as they stand now; one that an operator is changing is left for the next look.
SELECT id, destination, enabled, deleted_at IS NOT NULL AS deleted
FROM alert_routes
WHERE id = ANY(%(ids)s::uuid[])
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED

-- name: hold
-- Holds what waits for a route at a destination, the oldest first; what somebody else holds is left for the next look.
-- Index: deliveries_waiting_of_route.
SELECT id
FROM deliveries
WHERE route_id = %(route_id)s AND destination = %(destination)s AND next_attempt_at IS NOT NULL
ORDER BY next_attempt_at
LIMIT %(most)s
FOR NO KEY UPDATE SKIP LOCKED
