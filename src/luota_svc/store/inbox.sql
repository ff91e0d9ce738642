-- The development inbox as rows (store/inbox.py).

-- name: keep
-- Keeps an alert; the same delivery sent again is the message that stands. Index: inbox_messages_delivery_id_key.
INSERT INTO inbox_messages (id, workspace_id, delivery_id, received_at, content, request_id)
SELECT %(id)s, d.workspace_id, d.id, %(received_at)s, %(content)s, %(request_id)s
FROM deliveries d
WHERE d.id = %(delivery_id)s
ON CONFLICT (delivery_id) DO NOTHING

-- name: find
-- Names the message of a delivery.
SELECT id FROM inbox_messages WHERE delivery_id = %(delivery_id)s

-- name: forget
-- Lets go of all but the newest; what somebody else lets go of is left to them. Index: inbox_messages_newest.
DELETE FROM inbox_messages
WHERE id IN (
    SELECT id FROM inbox_messages ORDER BY received_at DESC, id DESC OFFSET %(kept)s FOR UPDATE SKIP LOCKED
)

-- name: newest
-- Reads the newest. Index: inbox_messages_newest.
SELECT id, delivery_id, received_at, content, request_id
FROM inbox_messages
ORDER BY received_at DESC, id DESC
LIMIT %(most)s

-- name: read
-- Reads one.
SELECT id, delivery_id, received_at, content, request_id FROM inbox_messages WHERE id = %(id)s
