-- Deliveries as operators read them, and their replay (store/delivery_reading.py); the outbox is store/deliveries.sql.

-- name: read
-- Reads some, newest first, by id: a duty behind an open breaker is not tried before the breaker closes.
-- Indexes: deliveries_pkey, delivery_incidents_pkey.
SELECT d.id, d.workspace_id, d.route_id, r.name AS route_name, d.reason, d.state, d.attempt_count,
       CASE WHEN d.next_attempt_at IS NOT NULL THEN greatest(d.next_attempt_at, b.open_until) END AS next_attempt_at,
       d.provider_id, d.request_id, d.last_error AS error, d.created_at, d.expires_at, d.settled_at, d.replay_of,
       d.gathered_into,
       ARRAY(SELECT di.incident_id FROM delivery_incidents di WHERE di.delivery_id = d.id ORDER BY di.incident_id)
           AS incident_ids
FROM deliveries d
JOIN alert_routes r ON r.id = d.route_id
LEFT JOIN destinations b ON b.workspace_id = d.workspace_id AND b.destination = d.destination
WHERE d.id = ANY(%(ids)s::uuid[])
ORDER BY d.created_at DESC, d.id DESC

-- name: page
-- Names an incident's, newest first, and how many there are from there on. Index: delivery_incidents_of_incident.
SELECT d.id, d.created_at, count(*) OVER () AS total
FROM delivery_incidents di
JOIN deliveries d ON d.id = di.delivery_id
WHERE di.incident_id = %(incident_id)s
  AND (%(after_at)s::timestamptz IS NULL OR (d.created_at, d.id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY d.created_at DESC, d.id DESC
LIMIT %(limit)s

-- name: of_requests
-- Names the newest that these requests caused; `only` narrows to one workspace. Index: deliveries_of_request.
SELECT d.id
FROM deliveries d
WHERE d.request_id = ANY(%(request_ids)s::text[]) AND (%(only)s::uuid IS NULL OR d.workspace_id = %(only)s::uuid)
ORDER BY d.created_at DESC, d.id DESC
LIMIT %(most)s

-- name: attempts
-- Every call to a provider for these duties; what the provider said only where it is asked for.
-- Index: the partitions' primary keys.
SELECT delivery_id, number, started_at, outcome, http_status, provider_id, error, retry_after_seconds, late, trace_id,
       coalesce(duration_ms, (extract(epoch FROM ended_at - started_at) * 1000)::int) AS duration_ms,
       CASE WHEN %(whole)s THEN reply END AS reply,
       CASE WHEN %(whole)s THEN resolved_address END AS resolved_address
FROM delivery_attempts
WHERE delivery_id = ANY(%(deliveries)s::uuid[])
ORDER BY delivery_id, number, started_at

-- name: home
-- Whose it is; immutable, so read before any lock.
SELECT workspace_id FROM deliveries WHERE id = %(id)s

-- name: lock_route
-- Holds a delivery's route before the delivery, as everybody does: it is neither disabled nor deleted meanwhile, which
-- would miss the duty that is about to be written.
SELECT id FROM alert_routes WHERE id = (SELECT route_id FROM deliveries WHERE id = %(id)s) FOR SHARE

-- name: lock
-- Holds one that may be told again, and tells whether its route, which is held, takes anything.
SELECT d.id, d.state, d.gathered_into, r.enabled AND r.deleted_at IS NULL AS route_usable
FROM deliveries d
JOIN alert_routes r ON r.id = d.route_id
WHERE d.id = %(id)s
FOR NO KEY UPDATE OF d

-- name: replay
-- Writes the duty to tell the same again, to the route's target as it is now: the same bytes, where they are frozen.
INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at, expires_at,
                        next_attempt_at, due_at, content, request_id, traceparent, about_route_id, replay_of)
SELECT %(new_id)s, d.workspace_id, d.route_id, r.destination, d.reason, 'pending', d.severity_rank, %(now)s,
       %(expires_at)s, %(now)s, %(now)s, d.content, d.request_id, %(traceparent)s, d.about_route_id, d.id
FROM deliveries d
JOIN alert_routes r ON r.id = d.route_id
WHERE d.id = %(id)s

-- name: replay_incidents
-- Names what the replay tells about. One live duty per incident and route: delivery_incidents_one_live refuses another.
-- What is told of a failed route stands beside the incidents' own duties and is never live.
INSERT INTO delivery_incidents (delivery_id, incident_id, route_id, sequence, live)
SELECT %(new_id)s, di.incident_id, di.route_id,
       1 + (SELECT max(told.sequence)
            FROM delivery_incidents told
            WHERE told.incident_id = di.incident_id AND told.route_id = di.route_id),
       d.reason <> 'route_failure'
FROM delivery_incidents di
JOIN deliveries d ON d.id = di.delivery_id
WHERE di.delivery_id = %(id)s
ORDER BY di.incident_id
