-- Incidents as operators read and steer them (store/incidents.py); they are opened by the ingest batch and the sweep.

-- name: read
-- Reads some, newest first, with whether a human was told: the first that applies (docs/states.md).
-- Index for the deliveries: delivery_incidents_of_incident.
SELECT i.id, i.workspace_id, i.monitor_id, i.kind, i.state, i.severity, i.opened_at, i.acknowledged_at, i.resolved_at,
       i.resolution, i.root_run_id, i.request_id, i.occurrence_count, i.previous_incident_id, i.version, i.reason,
       i.expected_at, i.deadline_at, i.acknowledged_until, i.acknowledged_by, i.assignee, i.muted, i.tell_at,
       i.event_count,
       CASE WHEN told.delivered THEN 'delivered'
            WHEN i.muted THEN 'muted'
            WHEN told.duties = 0 THEN 'no_route'
            WHEN told.retrying THEN 'retrying'
            WHEN told.all_failed OR told.behind_breaker THEN 'blocked'
            ELSE 'unproven' END AS alert_state
FROM incidents i
CROSS JOIN LATERAL (
    SELECT count(*) AS duties,
           bool_or(d.state = 'delivered' AND d.reason IN ('opened', 'reminder', 'escalation', 'drill')) AS delivered,
           -- What was only held by a breaker has not been tried.
           bool_or(d.state = 'failed_retrying' OR d.state = 'sending' AND d.first_failed_at IS NOT NULL) AS retrying,
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
-- Names a workspace's, newest first. Index: incidents_newest.
SELECT id, opened_at
FROM incidents
WHERE workspace_id = %(workspace_id)s
  AND (%(state)s::text IS NULL OR state = %(state)s::text)
  AND (%(monitor_id)s::uuid IS NULL OR monitor_id = %(monitor_id)s::uuid)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)
  AND (%(severity)s::text IS NULL OR severity = %(severity)s::text)
  AND (%(assignee)s::text IS NULL OR assignee = %(assignee)s::text)
  AND (%(opened_after)s::timestamptz IS NULL OR opened_at >= %(opened_after)s::timestamptz)
  AND (%(opened_before)s::timestamptz IS NULL OR opened_at < %(opened_before)s::timestamptz)
  AND (%(after_at)s::timestamptz IS NULL OR (opened_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY opened_at DESC, id DESC
LIMIT %(limit)s

-- name: page_unresolved
-- Names those that stand, newest first: the queue. A statement of its own, so that its plan has the small index even
-- where it is made for any filter. Index: incidents_unresolved.
SELECT id, opened_at
FROM incidents
WHERE workspace_id = %(workspace_id)s
  AND resolved_at IS NULL
  AND (%(state)s::text IS NULL OR state = %(state)s::text)
  AND (%(monitor_id)s::uuid IS NULL OR monitor_id = %(monitor_id)s::uuid)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)
  AND (%(severity)s::text IS NULL OR severity = %(severity)s::text)
  AND (%(assignee)s::text IS NULL OR assignee = %(assignee)s::text)
  AND (%(opened_after)s::timestamptz IS NULL OR opened_at >= %(opened_after)s::timestamptz)
  AND (%(opened_before)s::timestamptz IS NULL OR opened_at < %(opened_before)s::timestamptz)
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

-- name: acknowledge
-- Says that somebody has one, from the version that the decision saw: nobody is reminded until the given end.
UPDATE incidents
SET state = 'acknowledged', acknowledged_at = %(at)s, acknowledged_until = %(until)s, acknowledged_by = %(by)s,
    next_reminder_at = NULL, next_deadline_at = least(tell_at, %(until)s::timestamptz),
    event_count = event_count + 1, version = version + 1
WHERE id = %(id)s AND version = %(version)s AND resolved_at IS NULL

-- name: assign
-- Says whose one is, from the version that the decision saw.
UPDATE incidents
SET assignee = %(assignee)s, event_count = event_count + 1, version = version + 1
WHERE id = %(id)s AND version = %(version)s AND resolved_at IS NULL

-- name: count_event
-- Makes room on the timeline of one that is held, ended or not.
UPDATE incidents
SET event_count = event_count + 1, version = version + 1
WHERE id = %(id)s AND version = %(version)s

-- name: timeline
-- Reads a timeline in order. Index: incident_events_pkey.
SELECT incident_id, number, event, at, actor, request_id, run_id, signal_id, occurrence_number, detail
FROM incident_events
WHERE incident_id = %(id)s AND number > %(after)s
ORDER BY number
LIMIT %(limit)s

-- name: append_event
-- Appends to the timeline; the number is the incident's own count, whose row is held.
INSERT INTO incident_events (incident_id, number, event, at, actor, request_id, detail)
SELECT id, event_count, %(event)s, %(at)s, %(actor)s, %(request_id)s, %(detail)s
FROM incidents
WHERE id = %(id)s
