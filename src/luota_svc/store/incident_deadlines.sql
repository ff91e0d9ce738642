-- What incidents wait for: the end of a quiet time or of an acknowledgement, a reminder (store/incident_deadlines.py).

-- name: due
-- Names incidents that are due, with their monitors; nothing is held yet. Index: incidents_due.
SELECT id, monitor_id
FROM incidents
WHERE next_deadline_at <= %(now)s
ORDER BY next_deadline_at, id
LIMIT %(most)s

-- name: lock_monitors
-- Takes the mutexes that are free; what somebody else holds is left for the next look.
SELECT id, remind_every_seconds
FROM monitors
WHERE id = ANY(%(ids)s::uuid[])
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED

-- name: lock_due
-- Holds those that are still due, now that their monitors' locks are held; with when the run that they are about began.
SELECT i.id, i.workspace_id, i.monitor_id, i.kind, i.severity, i.state, i.muted, i.tell_at, i.next_reminder_at,
       i.acknowledged_until, i.event_count, i.version, i.request_id, i.traceparent,
       (SELECT r.received_at FROM runs r WHERE r.id = i.root_run_id) AS began_at
FROM incidents i
WHERE i.id = ANY(%(ids)s::uuid[]) AND i.monitor_id = ANY(%(monitor_ids)s::uuid[]) AND i.next_deadline_at <= %(now)s
ORDER BY i.id
FOR NO KEY UPDATE OF i

-- name: write
-- Writes what the looks found, each from the version that it saw. The version grows where something happened, not where
-- only the next look moved: an operator's change must not fail for that.
WITH changed AS (
    UPDATE incidents i
    SET state = v.state,
        muted = v.muted,
        tell_at = v.tell_at,
        next_reminder_at = v.next_reminder_at,
        acknowledged_at = CASE WHEN v.state = 'acknowledged' THEN i.acknowledged_at END,
        acknowledged_by = CASE WHEN v.state = 'acknowledged' THEN i.acknowledged_by END,
        acknowledged_until = v.acknowledged_until,
        next_deadline_at = v.next_look_at,
        event_count = i.event_count + v.events,
        version = i.version + CASE WHEN v.events > 0 THEN 1 ELSE 0 END
    FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bool[], %b::timestamptz[], %b::timestamptz[],
                %b::timestamptz[], %b::timestamptz[], %b::int[])
        AS v (id, version, state, muted, tell_at, next_reminder_at, acknowledged_until, next_look_at, events)
    WHERE i.id = v.id AND i.version = v.version AND i.resolved_at IS NULL
    RETURNING 1
)
SELECT luota_assert_rows('incident_deadlines.write', %b::bigint, (SELECT count(*) FROM changed))

-- name: set_aside
-- Puts off what could not be looked at; the monitors' locks are held.
UPDATE incidents
SET next_deadline_at = %(until)s
WHERE id = ANY(%(ids)s::uuid[]) AND resolved_at IS NULL

-- name: waiting_monitors
-- Names the monitors of a workspace with incidents that wait for something. Index: incidents_unresolved.
SELECT DISTINCT monitor_id
FROM incidents
WHERE workspace_id = %(workspace_id)s AND resolved_at IS NULL AND next_deadline_at > %(now)s

-- name: hold_monitors
-- Takes the mutexes of all of these monitors.
SELECT id FROM monitors WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE

-- name: set_reminders
-- Lets reminders of what is told begin anew, or end; the monitor's lock is held. Index: incidents_one_unresolved.
UPDATE incidents
SET next_reminder_at = %(next_at)s, next_deadline_at = coalesce(%(next_at)s::timestamptz, next_deadline_at)
WHERE monitor_id = %(monitor_id)s AND resolved_at IS NULL AND state = 'open' AND NOT muted

-- name: look_now
-- Lets incidents be looked at at once; their monitors' locks are held. Index: incidents_one_unresolved.
UPDATE incidents
SET next_deadline_at = %(now)s
WHERE monitor_id = ANY(%(ids)s::uuid[]) AND resolved_at IS NULL AND next_deadline_at > %(now)s
