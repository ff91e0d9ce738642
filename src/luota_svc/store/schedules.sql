-- What a monitor's schedule is judged by (store/schedules.py); read only.

-- name: judged
-- Up to where its expected instants are settled, and its last signal that counts.
SELECT settled_until, last_heard_at FROM monitors WHERE id = %(id)s

-- name: pings
-- When its pings came, newest first. Index: signals_pkey, partition by partition.
SELECT received_at
FROM signals
WHERE monitor_id = %(monitor_id)s AND received_at >= %(since)s AND received_at <= %(until)s AND type = 'ping'
ORDER BY received_at DESC
LIMIT %(limit)s

-- name: openings
-- When the signals came that opened its runs, newest first. Index: runs_of_monitor.
SELECT received_at
FROM runs
WHERE monitor_id = %(monitor_id)s AND received_at >= %(since)s AND received_at <= %(until)s
ORDER BY received_at DESC
LIMIT %(limit)s
