-- Operator tokens (store/operators.py).

-- name: recognise
-- Reads what a shown token is judged by; alive is the database's own word, at this very moment.
SELECT id, name, role, workspace_id, secret_hash, created_at, expires_at, revoked_at, last_used_at,
       revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS alive
FROM operator_tokens
WHERE id = %(id)s

-- name: touch
-- Remembers the use, to the minute; whoever finds the row held lets it be.
UPDATE operator_tokens SET last_used_at = now()
WHERE id = (
    SELECT id FROM operator_tokens
    WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at < now() - interval '60 seconds')
    FOR NO KEY UPDATE SKIP LOCKED
)

-- name: get
-- Reads one.
SELECT id, name, role, workspace_id, created_at, expires_at, revoked_at, last_used_at
FROM operator_tokens
WHERE id = %(id)s

-- name: page
-- Lists newest first; `workspace` narrows to one workspace's. Index: operator_tokens_newest.
SELECT id, name, role, workspace_id, created_at, expires_at, revoked_at, last_used_at
FROM operator_tokens
WHERE (%(workspace_id)s::uuid IS NULL OR workspace_id = %(workspace_id)s::uuid)
  AND (%(after_at)s::timestamptz IS NULL OR (created_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s

-- name: insert
-- Makes one; an id that stands already is left alone.
INSERT INTO operator_tokens (id, name, role, workspace_id, secret_hash, created_at, expires_at)
VALUES (%(id)s, %(name)s, %(role)s, %(workspace_id)s, %(secret_hash)s, %(now)s, %(expires_at)s)
ON CONFLICT (id) DO NOTHING

-- name: revoke
-- Ends one at once, by the database's clock.
UPDATE operator_tokens SET revoked_at = now() WHERE id = %(id)s AND revoked_at IS NULL
