-- What alerts tell, read when a delivery is first claimed (store/alert_facts.py). Nothing is locked: a claim holds
-- deliveries already, and incidents come before those in the order of locks.

-- name: incidents
-- Reads what deliveries are to tell, what stands and is grave first, at most so many of each; `total` counts all. Words that
-- were taken back are left out; a duty about a route lists incidents without being a word about them. Index:
-- delivery_incidents_pkey.
SELECT told.*
FROM unnest(%(ids)s::uuid[], %(of_route)s::bool[]) AS v (delivery_id, of_route)
CROSS JOIN LATERAL (
    SELECT di.delivery_id, di.sequence, count(*) OVER () AS total,
           i.id, i.kind, i.state, i.severity, i.reason, i.opened_at, i.acknowledged_at, i.acknowledged_by, i.resolved_at,
           i.resolution, i.occurrence_count, i.expected_at,
           m.id AS monitor_id, m.slug, m.name, m.owner, m.runbook_url, m.environment, m.promise, m.tags,
           m.schedule_timezone
    FROM delivery_incidents di
    JOIN incidents i ON i.id = di.incident_id
    JOIN monitors m ON m.id = i.monitor_id
    WHERE di.delivery_id = v.delivery_id AND (di.live OR v.of_route)
    ORDER BY i.resolved_at IS NOT NULL, array_position(ARRAY['critical', 'error', 'warning', 'info'], i.severity),
             i.opened_at, i.id
    LIMIT %(most)s
) told

-- name: packets
-- Reads what incidents froze when they opened. Index: incident_packets_pkey.
SELECT incident_id, frozen, digest FROM incident_packets WHERE incident_id = ANY(%(ids)s::uuid[])

-- name: earlier_words
-- Says what became of earlier words to a route about an incident. One that was taken back before its delivery was composed
-- is none, and neither is one that found no room there: what was delivered names its incidents. Index:
-- delivery_incidents_of_incident.
SELECT v.delivery_id,
       EXISTS (
           SELECT FROM delivery_incidents di
           JOIN deliveries d ON d.id = di.delivery_id
           WHERE di.incident_id = v.incident_id AND di.route_id = v.route_id AND d.id <> v.delivery_id
             AND d.state = 'delivered' AND d.reason <> 'test'
             AND (d.content IS NULL OR position(convert_to(v.incident_id::text, 'UTF8') IN d.content) > 0)
       ) AS delivered,
       EXISTS (
           SELECT FROM delivery_incidents di
           JOIN deliveries d ON d.id = di.delivery_id
           WHERE di.incident_id = v.incident_id AND di.route_id = v.route_id AND d.id <> v.delivery_id
             AND d.first_failed_at IS NOT NULL AND d.reason <> 'test'
       ) AS failed
FROM unnest(%(ids)s::uuid[], %(route_ids)s::uuid[], %(incident_ids)s::uuid[]) AS v (delivery_id, route_id, incident_id)

-- name: changes
-- Reads the newest changes to monitors and to their workspaces, keys included, since an instant. Index:
-- audit_entries_newest.
SELECT workspace_id, at, actor, action, target_type, target_id, before, after
FROM audit_entries
WHERE workspace_id = ANY(%(workspace_ids)s::uuid[]) AND at >= %(since)s
  AND (target_id = ANY(%(targets)s::text[]) OR target_type = 'ingest_key')
ORDER BY at DESC, id DESC
LIMIT %(most)s

-- name: endings
-- Says who ended incidents, and with which note. Index: incident_events_pkey.
SELECT DISTINCT ON (incident_id) incident_id, actor, detail
FROM incident_events
WHERE incident_id = ANY(%(ids)s::uuid[]) AND event = 'resolved'
ORDER BY incident_id, number DESC

-- name: failed_routes
-- Says how routes fail: the newest error, and since when nothing arrives. Index: deliveries_of_route.
SELECT r.id, r.name, r.kind, r.last_error AS error, r.state = 'broken' AS broken,
       r.enabled AND r.deleted_at IS NULL AS usable,
       coalesce(
           (SELECT min(d.first_failed_at)
            FROM deliveries d
            WHERE d.route_id = r.id AND d.created_at > %(since)s AND d.first_failed_at IS NOT NULL
              AND d.state IN ('failed_retrying', 'sending', 'failed_terminal')
              AND (r.last_delivered_at IS NULL OR d.first_failed_at > r.last_delivered_at)),
           r.last_failed_at) AS since
FROM alert_routes r
WHERE r.id = ANY(%(ids)s::uuid[])
