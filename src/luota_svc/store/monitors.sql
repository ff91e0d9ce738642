-- Monitors as operators set and read them (store/monitors.py). A deleted one is as if it were not.

-- name: get
-- Reads one. How it stands is derived; index for the incidents: incidents_one_unresolved.
SELECT m.id, m.workspace_id, m.slug, m.name, m.kind, m.schedule_cron, m.schedule_timezone, m.interval_seconds,
       m.grace_seconds, m.early_tolerance_seconds, m.max_age_seconds, m.max_duration_seconds, m.min_duration_seconds,
       m.stuck_after_seconds, m.timeout_seconds, m.failure_threshold, m.recovery_threshold, m.remind_every_seconds,
       m.severity, m.owner, m.runbook_url, m.environment, m.promise, m.tags, m.paused_until, m.muted_until,
       m.next_deadline_at, m.last_signal, m.last_good_signal, m.created_at, m.updated_at, m.version,
       CASE WHEN m.paused_until > %(now)s THEN 'paused'
            WHEN EXISTS (SELECT 1 FROM incidents i WHERE i.monitor_id = m.id AND i.resolved_at IS NULL) THEN 'failing'
            WHEN m.last_good_signal IS NULL THEN 'new'
            ELSE 'healthy' END AS state
FROM monitors m
WHERE m.id = %(id)s AND m.deleted_at IS NULL

-- name: page
-- Lists a workspace's by slug. Index: monitors_slug_key.
SELECT m.id, m.workspace_id, m.slug, m.name, m.kind, m.schedule_cron, m.schedule_timezone, m.interval_seconds,
       m.grace_seconds, m.early_tolerance_seconds, m.max_age_seconds, m.max_duration_seconds, m.min_duration_seconds,
       m.stuck_after_seconds, m.timeout_seconds, m.failure_threshold, m.recovery_threshold, m.remind_every_seconds,
       m.severity, m.owner, m.runbook_url, m.environment, m.promise, m.tags, m.paused_until, m.muted_until,
       m.next_deadline_at, m.last_signal, m.last_good_signal, m.created_at, m.updated_at, m.version,
       CASE WHEN m.paused_until > %(now)s THEN 'paused'
            WHEN EXISTS (SELECT 1 FROM incidents i WHERE i.monitor_id = m.id AND i.resolved_at IS NULL) THEN 'failing'
            WHEN m.last_good_signal IS NULL THEN 'new'
            ELSE 'healthy' END AS state
FROM monitors m
WHERE m.workspace_id = %(workspace_id)s AND m.deleted_at IS NULL
  AND (%(after)s::text IS NULL OR m.slug > %(after)s::text)
ORDER BY m.slug
LIMIT %(limit)s

-- name: find
-- Names the one of a slug. Index: monitors_slug_key.
SELECT id FROM monitors WHERE workspace_id = %(workspace_id)s AND slug = %(slug)s AND deleted_at IS NULL

-- name: home
-- Whose a monitor is, or was: what stays of a deleted one is still its workspace's.
SELECT workspace_id FROM monitors WHERE id = %(id)s

-- name: alive_home
-- Whose a monitor is; nobody's once it is deleted.
SELECT workspace_id FROM monitors WHERE id = %(id)s AND deleted_at IS NULL

-- name: lock
-- The mutex of its runs, incidents and counters; a deleted one is locked too, for its evidence stays.
SELECT muted_until FROM monitors WHERE id = %(id)s FOR NO KEY UPDATE

-- name: insert
-- Makes one. The sweep looks at it at once and finds its first deadline.
INSERT INTO monitors (id, workspace_id, slug, name, kind, schedule_cron, schedule_timezone, interval_seconds,
                      grace_seconds, early_tolerance_seconds, max_age_seconds, max_duration_seconds,
                      min_duration_seconds, stuck_after_seconds, timeout_seconds, failure_threshold,
                      recovery_threshold, remind_every_seconds, severity, owner, runbook_url, environment, promise,
                      tags, created_at, updated_at, judged_from, settled_until, next_deadline_at)
VALUES (%(id)s, %(workspace_id)s, %(slug)s, %(name)s, %(kind)s, %(schedule_cron)s, %(schedule_timezone)s,
        %(interval_seconds)s, %(grace_seconds)s, %(early_tolerance_seconds)s, %(max_age_seconds)s,
        %(max_duration_seconds)s, %(min_duration_seconds)s, %(stuck_after_seconds)s, %(timeout_seconds)s,
        %(failure_threshold)s, %(recovery_threshold)s, %(remind_every_seconds)s, %(severity)s, %(owner)s,
        %(runbook_url)s, %(environment)s, %(promise)s, %(tags)s, %(now)s, %(now)s, %(now)s, %(now)s, %(now)s)

-- name: update
-- Writes the settings, from the version that the decision saw. The kind is fixed.
UPDATE monitors
SET slug = %(slug)s, name = %(name)s, schedule_cron = %(schedule_cron)s, schedule_timezone = %(schedule_timezone)s,
    interval_seconds = %(interval_seconds)s, grace_seconds = %(grace_seconds)s,
    early_tolerance_seconds = %(early_tolerance_seconds)s, max_age_seconds = %(max_age_seconds)s,
    max_duration_seconds = %(max_duration_seconds)s, min_duration_seconds = %(min_duration_seconds)s,
    stuck_after_seconds = %(stuck_after_seconds)s, timeout_seconds = %(timeout_seconds)s,
    failure_threshold = %(failure_threshold)s, recovery_threshold = %(recovery_threshold)s,
    remind_every_seconds = %(remind_every_seconds)s, severity = %(severity)s, owner = %(owner)s,
    runbook_url = %(runbook_url)s, environment = %(environment)s, promise = %(promise)s, tags = %(tags)s,
    updated_at = %(now)s, version = version + 1
WHERE id = %(id)s AND version = %(version)s AND deleted_at IS NULL

-- name: pause
-- Sets or ends a pause; either way the counters start again, and the sweep looks at once.
UPDATE monitors
SET paused_until = %(until)s, failures_in_row = 0, successes_in_row = 0, next_deadline_at = %(now)s,
    updated_at = %(now)s, version = version + 1
WHERE id = %(id)s AND version = %(version)s AND deleted_at IS NULL

-- name: mute
-- Sets or ends a mute.
UPDATE monitors
SET muted_until = %(until)s, updated_at = %(now)s, version = version + 1
WHERE id = %(id)s AND version = %(version)s AND deleted_at IS NULL

-- name: forget_failures
-- Consumes the present breach: the next incident takes its own failures in a row.
UPDATE monitors SET failures_in_row = 0 WHERE id = %(id)s

-- name: delete
-- Deletes one softly: its slug is free again, nothing is due any more, its evidence stays.
UPDATE monitors
SET deleted_at = %(now)s, updated_at = %(now)s, next_deadline_at = NULL, version = version + 1
WHERE id = %(id)s AND version = %(version)s AND deleted_at IS NULL
