-- Ingest keys (store/keys.py). When one stops being accepted is told by the database's clock.

-- name: get
-- Reads one.
SELECT id, workspace_id, monitor_id, name, created_at, expires_at, revoked_at, last_used_at, replaces_id
FROM ingest_keys
WHERE id = %(id)s

-- name: lock
-- Holds one against other changes, and tells whether it is accepted at this moment.
SELECT revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS alive
FROM ingest_keys
WHERE id = %(id)s
FOR NO KEY UPDATE

-- name: page_of_workspace
-- Lists a workspace's keys, its monitors' included, newest first. Index: ingest_keys_of_workspace.
SELECT id, workspace_id, monitor_id, name, created_at, expires_at, revoked_at, last_used_at, replaces_id
FROM ingest_keys
WHERE workspace_id = %(workspace_id)s
  AND (%(after_at)s::timestamptz IS NULL OR (created_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s

-- name: page_of_monitor
-- Lists one monitor's own keys, newest first. Index: ingest_keys_of_monitor.
SELECT id, workspace_id, monitor_id, name, created_at, expires_at, revoked_at, last_used_at, replaces_id
FROM ingest_keys
WHERE monitor_id = %(monitor_id)s
  AND (%(after_at)s::timestamptz IS NULL OR (created_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s

-- name: insert
-- Makes one.
INSERT INTO ingest_keys (id, workspace_id, monitor_id, name, secret_hash, created_at, expires_at, replaces_id)
VALUES (%(id)s, %(workspace_id)s, %(monitor_id)s, %(name)s, %(secret_hash)s, %(now)s, %(expires_at)s, %(replaces_id)s)

-- name: replace
-- Makes the successor of a key; where the old one had an end, the new one lives as long as the old one was to live.
INSERT INTO ingest_keys (id, workspace_id, monitor_id, name, secret_hash, created_at, expires_at, replaces_id)
SELECT %(id)s, workspace_id, monitor_id, name, %(secret_hash)s, %(now)s, now() + (expires_at - created_at), id
FROM ingest_keys
WHERE id = %(replaces_id)s

-- name: expire_after
-- Lets one die after an overlap, by the database's clock; never later than it would have died anyway.
UPDATE ingest_keys
SET expires_at = least(expires_at, now() + make_interval(secs => %(overlap_seconds)s))
WHERE id = %(id)s AND revoked_at IS NULL

-- name: revoke
-- Ends one at once, by the database's clock.
UPDATE ingest_keys SET revoked_at = now() WHERE id = %(id)s AND revoked_at IS NULL

-- name: revoke_of_monitor
-- Ends all of a monitor's own keys at once. Index: ingest_keys_of_monitor.
UPDATE ingest_keys SET revoked_at = now() WHERE monitor_id = %(monitor_id)s AND revoked_at IS NULL

-- name: shown
-- What a token that was kept elsewhere is compared with, and whether it is accepted at this moment.
SELECT workspace_id, monitor_id, secret_hash,
       revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS alive
FROM ingest_keys
WHERE id = %(id)s

-- name: set_last_used
-- Remembers when some were last accepted; never backwards, and never waits for a rotation.
UPDATE ingest_keys k
SET last_used_at = v.at
FROM unnest(%(ids)s::uuid[], %(at)s::timestamptz[]) AS v (id, at),
     LATERAL (SELECT id FROM ingest_keys WHERE id = v.id FOR NO KEY UPDATE SKIP LOCKED) AS held
WHERE k.id = held.id AND (k.last_used_at IS NULL OR k.last_used_at < v.at)
