-- What became of deliveries, written into the timelines of their incidents (store/delivery_notes.py). Lock order:
-- monitors, incidents, deliveries.

-- name: due
-- Names deliveries whose state no timeline says yet, the oldest first; an attempt in flight says more soon. Nothing is held.
-- Index: deliveries_unnoted.
SELECT id
FROM deliveries
WHERE unnoted AND state <> 'sending'
ORDER BY id
LIMIT %(most)s::int

-- name: incidents_of
-- Names the incidents of deliveries with their monitors. Index: delivery_incidents_pkey.
SELECT di.delivery_id, di.incident_id, i.monitor_id
FROM delivery_incidents di
JOIN incidents i ON i.id = di.incident_id
WHERE di.delivery_id = ANY(%(ids)s::uuid[])

-- name: hold_free_monitors
-- Takes the mutexes that are free; what somebody else holds is left for the next look.
SELECT id FROM monitors WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: hold_monitors
-- Takes the mutexes of all of these monitors.
SELECT id FROM monitors WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE

-- name: hold_incidents
-- Holds incidents, whose monitors' locks are held, and reads how long their timelines are.
SELECT id, event_count FROM incidents WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE

-- name: hold
-- Holds deliveries that no timeline speaks of yet, as they stand now.
SELECT d.id, r.name AS route_name, d.reason, d.state, d.next_attempt_at, d.last_error, d.request_id, d.gathered_into
FROM deliveries d
JOIN alert_routes r ON r.id = d.route_id
WHERE d.id = ANY(%(ids)s::uuid[]) AND d.unnoted AND d.state <> 'sending'
ORDER BY d.id
FOR NO KEY UPDATE OF d SKIP LOCKED

-- name: lengthen
-- Counts what was appended. The version stays: an operator's change must not fail because a message arrived meanwhile.
WITH lengthened AS (
    UPDATE incidents i
    SET event_count = i.event_count + v.events
    FROM unnest(%(ids)s::uuid[], %(events)s::int[]) AS v (id, events)
    WHERE i.id = v.id
    RETURNING 1
)
SELECT luota_assert_rows('delivery_notes.lengthen', cardinality(%(ids)s), (SELECT count(*) FROM lengthened))

-- name: noted
-- The timelines say how these stand.
UPDATE deliveries SET unnoted = false WHERE id = ANY(%(ids)s::uuid[])
