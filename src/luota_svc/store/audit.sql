-- Who changed what (store/audit.py).

-- name: insert
-- Appends one entry, in the transaction of the change.
INSERT INTO audit_entries (id, at, workspace_id, actor_kind, actor_id, actor, action, target_type, target_id, before,
                           after, request_id)
VALUES (%(id)s, %(at)s, %(workspace_id)s, %(actor_kind)s, %(actor_id)s, %(actor)s, %(action)s, %(target_type)s,
        %(target_id)s, %(before)s, %(after)s, %(request_id)s)

-- name: page
-- Lists a workspace's changes, newest first. Index: audit_entries_newest.
SELECT id, at, workspace_id, actor_kind, actor_id, actor, action, target_type, target_id, before, after, request_id
FROM audit_entries
WHERE workspace_id = %(workspace_id)s
  AND (%(after_at)s::timestamptz IS NULL OR (at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY at DESC, id DESC
LIMIT %(limit)s
