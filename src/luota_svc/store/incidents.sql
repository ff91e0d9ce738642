-- Incidents as operators read and end them (store/incidents.py); they are opened by the ingest batch.

-- name: read
-- Reads some, newest first, with whether a human was told: the first that applies (docs/states.md).
-- Index for the deliveries: delivery_incidents_of_incident.
SELECT i.id, i.workspace_id, i.monitor_id, i.kind, i.state, i.severity, i.opened_at, i.acknowledged_at, i.resolved_at,
       i.resolution, i.root_run_id, i.request_id, i.occurrence_count, i.previous_incident_id, i.version,
       CASE WHEN told.delivered THEN 'delivered'
            WHEN i.muted THEN 'muted'
            WHEN told.duties = 0 THEN 'no_route'
            WHEN told.retrying THEN 'retrying'
            WHEN told.all_failed OR told.behind_breaker THEN 'blocked'
            ELSE 'unproven' END AS alert_state
FROM incidents i
CROSS JOIN LATERAL (
    SELECT count(*) AS duties,
           bool_or(d.state = 'delivered' AND d.reason IN ('opened', 'reminder', 'escalation')) AS delivered,
           bool_or(d.state = 'failed_retrying' OR d.state IN ('pending', 'sending') AND d.first_failed_at IS NOT NULL)
               AS retrying,
           bool_and(d.state = 'failed_terminal') FILTER (WHERE d.state <> 'cancelled') AS all_failed,
           bool_or(d.state IN ('pending', 'sending') AND b.open_until > %(now)s) AS behind_breaker
    FROM delivery_incidents di
    JOIN deliveries d ON d.id = di.delivery_id
    LEFT JOIN destinations b ON b.workspace_id = d.workspace_id AND b.destination = d.destination
    WHERE di.incident_id = i.id AND d.reason <> 'route_failure'
) told
WHERE i.id = ANY(%(ids)s::uuid[])
ORDER BY i.opened_at DESC, i.id DESC

-- name: page
-- Names a workspace's, newest first. Indexes: incidents_newest, or incidents_unresolved where only those are asked for.
SELECT id, opened_at
FROM incidents
WHERE workspace_id = %(workspace_id)s
  AND (%(state)s::text IS NULL OR state = %(state)s::text)
  AND (%(state)s::text IS NULL OR %(state)s::text = 'resolved' OR resolved_at IS NULL)
  AND (%(monitor_id)s::uuid IS NULL OR monitor_id = %(monitor_id)s::uuid)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)
  AND (%(after_at)s::timestamptz IS NULL OR (opened_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY opened_at DESC, id DESC
LIMIT %(limit)s

-- name: home
-- Whose promise broke; immutable, so read before any lock.
SELECT workspace_id, monitor_id FROM incidents WHERE id = %(id)s

-- name: lock
-- Holds one as it is to be ended; its monitor's lock is held already.
SELECT id, workspace_id, monitor_id, kind, severity, resolved_at, version
FROM incidents
WHERE id = %(id)s
FOR NO KEY UPDATE

-- name: lock_unresolved_of_monitor
-- Holds all that stand on a monitor, in id order; its lock is held already. Index: incidents_one_unresolved.
SELECT id, workspace_id, monitor_id, kind, severity, resolved_at, version
FROM incidents
WHERE monitor_id = %(monitor_id)s AND resolved_at IS NULL
ORDER BY id
FOR NO KEY UPDATE

-- name: resolve
-- Ends one, from the version that the decision saw.
UPDATE incidents
SET state = 'resolved', resolved_at = %(at)s, resolution = %(resolution)s, next_reminder_at = NULL,
    tell_at = NULL, next_deadline_at = NULL, event_count = event_count + 1, version = version + 1
WHERE id = %(id)s AND version = %(version)s AND resolved_at IS NULL

-- name: append_event
-- Appends to the timeline; the number is the incident's own count, whose row is held.
INSERT INTO incident_events (incident_id, number, event, at, actor, request_id, detail)
SELECT id, event_count, %(event)s, %(at)s, %(actor)s, %(request_id)s, %(detail)s
FROM incidents
WHERE id = %(id)s
