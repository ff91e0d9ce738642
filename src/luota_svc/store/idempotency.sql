-- Idempotency keys of management creates (store/idempotency.py).

-- name: claim
-- Takes the key for a new thing. A second taker waits here until the first has committed, and then takes nothing.
INSERT INTO idempotency_keys (actor_id, key, request_hash, target_id, created_at)
VALUES (%(actor_id)s, %(key)s, %(request_hash)s, %(target_id)s, %(now)s)
ON CONFLICT (actor_id, key) DO NOTHING

-- name: read
-- What the key was taken for; a statement of its own, so that it sees what committed while the claim waited.
SELECT request_hash, target_id FROM idempotency_keys WHERE actor_id = %(actor_id)s AND key = %(key)s
