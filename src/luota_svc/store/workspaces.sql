-- Workspaces (store/workspaces.py).

-- name: get
-- Reads one.
SELECT id, slug, name, limit_monitor_token_minute, limit_monitor_token_hour, limit_workspace_minute,
       created_at, updated_at, version
FROM workspaces
WHERE id = %(id)s

-- name: find
-- Reads one by its slug. Index: workspaces_slug_key.
SELECT id, slug, name, limit_monitor_token_minute, limit_monitor_token_hour, limit_workspace_minute,
       created_at, updated_at, version
FROM workspaces
WHERE slug = %(slug)s

-- name: page
-- Lists by slug; `only` narrows to the one that a workspace's operator may see. Index: workspaces_slug_key.
SELECT id, slug, name, limit_monitor_token_minute, limit_monitor_token_hour, limit_workspace_minute,
       created_at, updated_at, version
FROM workspaces
WHERE (%(only)s::uuid IS NULL OR id = %(only)s::uuid) AND (%(after)s::text IS NULL OR slug > %(after)s::text)
ORDER BY slug
LIMIT %(limit)s

-- name: insert
-- Makes one.
INSERT INTO workspaces (id, slug, name, limit_monitor_token_minute, limit_monitor_token_hour, limit_workspace_minute,
                        created_at, updated_at)
VALUES (%(id)s, %(slug)s, %(name)s, %(limit_monitor_token_minute)s, %(limit_monitor_token_hour)s,
        %(limit_workspace_minute)s, %(now)s, %(now)s)

-- name: lock
-- Holds one against other changes until the transaction ends.
SELECT id FROM workspaces WHERE id = %(id)s FOR NO KEY UPDATE

-- name: update
-- Writes the settings, from the version that the decision saw.
UPDATE workspaces
SET slug = %(slug)s, name = %(name)s, limit_monitor_token_minute = %(limit_monitor_token_minute)s,
    limit_monitor_token_hour = %(limit_monitor_token_hour)s, limit_workspace_minute = %(limit_workspace_minute)s,
    updated_at = %(now)s, version = version + 1
WHERE id = %(id)s AND version = %(version)s
