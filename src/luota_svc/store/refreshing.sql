-- What receivers that forget are told again (store/refreshing.py).

-- name: claim
-- Takes routes whose turn has come and that were told of something that stands or ended lately; the turn is taken with
-- the row, so that of many workers one has it. What somebody else holds is left for the next look.
-- Indexes: incidents_unresolved, incidents_ended, delivery_incidents_of_incident.
WITH due AS MATERIALIZED (
    SELECT r.id
    FROM alert_routes r
    WHERE r.kind = 'alertmanager' AND r.enabled AND r.deleted_at IS NULL
      AND (r.refreshed_at IS NULL OR r.refreshed_at <= %(before)s)
      AND EXISTS (
        SELECT 1
        FROM (
            SELECT i.id FROM incidents i WHERE i.workspace_id = r.workspace_id AND i.resolved_at IS NULL
            UNION ALL
            SELECT i.id FROM incidents i WHERE i.workspace_id = r.workspace_id AND i.resolved_at > %(ended_after)s
        ) i
        JOIN delivery_incidents di ON di.incident_id = i.id AND di.route_id = r.id
        JOIN deliveries d ON d.id = di.delivery_id AND d.state = 'delivered'
      )
    ORDER BY r.refreshed_at NULLS FIRST, r.id
    LIMIT %(most)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE alert_routes r
SET refreshed_at = %(now)s
FROM due
WHERE r.id = due.id
RETURNING r.id, r.workspace_id, r.target

-- name: standing
-- Reads what a route was last told of each incident that stands or ended lately; the newest where they are too many.
-- Indexes: incidents_unresolved, incidents_ended, delivery_incidents_of_incident.
SELECT i.id AS incident_id, i.resolved_at, told.content
FROM (
    SELECT i.id, i.resolved_at FROM incidents i WHERE i.workspace_id = %(workspace_id)s AND i.resolved_at IS NULL
    UNION ALL
    SELECT i.id, i.resolved_at FROM incidents i
    WHERE i.workspace_id = %(workspace_id)s AND i.resolved_at > %(ended_after)s
) i
CROSS JOIN LATERAL (
    SELECT d.content
    FROM delivery_incidents di
    JOIN deliveries d ON d.id = di.delivery_id
    WHERE di.incident_id = i.id AND di.route_id = %(route_id)s AND d.state = 'delivered' AND d.content IS NOT NULL
    ORDER BY d.settled_at DESC, d.id DESC
    LIMIT 1
) told
ORDER BY i.id DESC
LIMIT %(most)s
