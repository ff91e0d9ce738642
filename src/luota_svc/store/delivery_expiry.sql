-- Deliveries that nobody could make in time (store/delivery_expiry.py).

-- name: expire
-- Ends what waits past its end, and frees (incident, route) for the next word; what somebody holds is left for the next
-- look, and an attempt in flight is settled first. Somebody else is told at once, of an alert. Index: deliveries_expiring.
WITH due AS MATERIALIZED (
    SELECT id
    FROM deliveries
    WHERE next_attempt_at IS NOT NULL AND expires_at <= %(now)s
    ORDER BY expires_at
    LIMIT %(most)s
    FOR NO KEY UPDATE SKIP LOCKED
), ended AS (
    UPDATE delivery_incidents di
    SET live = false
    FROM due
    WHERE di.delivery_id = due.id AND di.live
)
UPDATE deliveries d
SET state = 'failed_terminal',
    next_attempt_at = NULL,
    settled_at = %(now)s,
    last_error = 'Expired before it could be delivered' || coalesce('; before that: ' || d.last_error, ''),
    fallback_due_at = CASE WHEN d.reason NOT IN ('test', 'drill', 'route_failure') THEN %(now)s::timestamptz END,
    unnoted = true
FROM due
WHERE d.id = due.id
