-- What an evidence packet holds (store/packets.py): what was frozen, and who was told and did what since.

-- name: frozen
-- What the incident froze when it opened.
SELECT frozen, digest FROM incident_packets WHERE incident_id = %(incident_id)s

-- name: owner
-- Who is to act, as the monitor says now; one that was deleted still says it.
SELECT owner, runbook_url FROM monitors WHERE id = %(monitor_id)s

-- name: routes
-- Who was told about the incident, and who would be now. Indexes: delivery_incidents_of_incident,
-- alert_routes_of_workspace.
SELECT r.id, r.name, r.kind, r.state, r.enabled, r.deleted_at IS NOT NULL AS deleted, r.last_delivered_at
FROM alert_routes r
WHERE r.id IN (SELECT di.route_id FROM delivery_incidents di WHERE di.incident_id = %(incident_id)s)
UNION
SELECT r.id, r.name, r.kind, r.state, r.enabled, false, r.last_delivered_at
FROM alert_routes r
WHERE r.workspace_id = %(workspace_id)s AND r.deleted_at IS NULL AND r.enabled
  AND (r.monitor_ids = '{}' OR %(monitor_id)s = ANY(r.monitor_ids))
  AND array_position(ARRAY['info', 'warning', 'error', 'critical'], r.min_severity)
      <= array_position(ARRAY['info', 'warning', 'error', 'critical'], %(severity)s::text)
ORDER BY name, id

-- name: timeline
-- What happened to the incident; bounded, for the middle of its occurrences is let go of. Index: incident_events_pkey.
SELECT incident_id, number, event, at, actor, request_id, run_id, signal_id, occurrence_number, detail
FROM incident_events
WHERE incident_id = %(incident_id)s
ORDER BY number DESC
LIMIT %(limit)s

-- name: changes
-- The newest changes to the monitor and its routes since the incident opened. Index: audit_entries_newest.
SELECT id, at, workspace_id, actor_kind, actor_id, actor, action, target_type, target_id, before, after, request_id,
       count(*) OVER () AS total
FROM audit_entries
WHERE workspace_id = %(workspace_id)s AND at >= %(since)s AND target_id = ANY(%(targets)s::text[])
ORDER BY at DESC, id DESC
LIMIT %(limit)s
