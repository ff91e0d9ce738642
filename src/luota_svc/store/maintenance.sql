-- Maintenance windows (store/maintenance.py). A cancelled one keeps its row and quiets nobody.

-- name: read
-- Reads one.
SELECT id, workspace_id, monitor_ids, tags, starts_at, ends_at, cron, timezone, duration_seconds, author, comment,
       created_at, updated_at, deleted_at, version
FROM maintenance_windows
WHERE id = %(id)s

-- name: lock
-- Reads one that is to be changed, and holds it.
SELECT id, workspace_id, monitor_ids, tags, starts_at, ends_at, cron, timezone, duration_seconds, author, comment,
       created_at, updated_at, deleted_at, version
FROM maintenance_windows
WHERE id = %(id)s
FOR NO KEY UPDATE

-- name: page
-- Lists a workspace's, those made last first. Index: maintenance_windows_newest.
SELECT id, workspace_id, monitor_ids, tags, starts_at, ends_at, cron, timezone, duration_seconds, author, comment,
       created_at, updated_at, deleted_at, version
FROM maintenance_windows
WHERE workspace_id = %(workspace_id)s
  AND (%(after_at)s::timestamptz IS NULL OR (created_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s

-- name: lock_workspace
-- Lets windows of one workspace be made one after the other.
SELECT 1 FROM workspaces WHERE id = %(workspace_id)s FOR NO KEY UPDATE

-- name: count_standing
-- How many windows of a workspace may still quiet somebody. Index: maintenance_windows_standing.
SELECT count(*) AS windows
FROM maintenance_windows
WHERE workspace_id = %(workspace_id)s AND deleted_at IS NULL AND coalesce(ends_at, 'infinity') > %(now)s

-- name: foreign_monitors
-- Which of these ids name no monitor of the workspace.
SELECT wanted.id
FROM unnest(%(monitor_ids)s::uuid[]) AS wanted (id)
WHERE NOT EXISTS (
    SELECT 1 FROM monitors m
    WHERE m.id = wanted.id AND m.workspace_id = %(workspace_id)s AND m.deleted_at IS NULL)
ORDER BY wanted.id

-- name: insert
-- Makes one.
INSERT INTO maintenance_windows (id, workspace_id, monitor_ids, tags, starts_at, ends_at, cron, timezone,
                                 duration_seconds, author, comment, created_at, updated_at)
VALUES (%(id)s, %(workspace_id)s, %(monitor_ids)s, %(tags)s, %(starts_at)s, %(ends_at)s, %(cron)s, %(timezone)s,
        %(duration_seconds)s, %(author)s, %(comment)s, %(now)s, %(now)s)

-- name: update
-- Writes the settings, from the version that the decision saw.
UPDATE maintenance_windows
SET monitor_ids = %(monitor_ids)s, tags = %(tags)s, starts_at = %(starts_at)s, ends_at = %(ends_at)s, cron = %(cron)s,
    timezone = %(timezone)s, duration_seconds = %(duration_seconds)s, comment = %(comment)s, updated_at = %(now)s,
    version = version + 1
WHERE id = %(id)s AND version = %(version)s AND deleted_at IS NULL

-- name: cancel
-- Calls one off.
UPDATE maintenance_windows
SET deleted_at = %(now)s, updated_at = %(now)s, version = version + 1
WHERE id = %(id)s AND version = %(version)s AND deleted_at IS NULL
