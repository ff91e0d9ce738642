-- The statements of the sweep (store/sweep.py), beside those of the ingest batch. %b: parameters travel in binary.

-- name: oldest_due
-- What is looked at next, of monitors and of running runs, and when a process last took signals: one look at the ends
-- of two indexes and at a table of a few rows. Indexes: monitors_due, runs_due.
SELECT (SELECT next_deadline_at FROM monitors WHERE next_deadline_at IS NOT NULL AND deleted_at IS NULL
        ORDER BY next_deadline_at LIMIT 1),
       (SELECT next_deadline_at FROM runs WHERE next_deadline_at IS NOT NULL ORDER BY next_deadline_at LIMIT 1),
       (SELECT max(last_seen_at) FROM ingest_liveness)

-- name: lock_due_monitors
-- Takes monitors that are due and that nobody else holds. It never waits, so its order can make no deadlock. Index:
-- monitors_due.
SELECT id, workspace_id
FROM monitors
WHERE next_deadline_at <= %b::timestamptz AND next_deadline_at IS NOT NULL AND deleted_at IS NULL
ORDER BY next_deadline_at
LIMIT %b::int
FOR NO KEY UPDATE SKIP LOCKED

-- name: due_runs
-- Running runs that are due, found without a lock: that of their monitor comes first. Index: runs_due.
SELECT id, monitor_id
FROM runs
WHERE next_deadline_at <= %b::timestamptz AND next_deadline_at IS NOT NULL
ORDER BY next_deadline_at
LIMIT %b::int

-- name: lock_monitors_of_runs
-- Takes those of the runs' monitors that nobody else holds, deleted ones too. Index: monitors_pkey.
SELECT id, workspace_id
FROM monitors
WHERE id = ANY(%b::uuid[])
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED

-- name: last_beat
-- When a process last took signals; read before the gaps, which are written with the first beat after them.
SELECT max(last_seen_at) FROM ingest_liveness

-- name: watches
-- What the silence of the locked monitors is judged by. Index: monitors_pkey.
SELECT id, kind, schedule_cron, schedule_timezone, interval_seconds, grace_seconds, early_tolerance_seconds,
       max_age_seconds, judged_from, settled_until, last_heard_at, last_fresh_at, paused_until
FROM monitors
WHERE id = ANY(%b::uuid[]) AND deleted_at IS NULL

-- name: swept_runs
-- The runs that were found due and still are, now that their monitors are held. Index: runs_pkey.
SELECT id, monitor_id, start_seen, started_at, received_at, last_sign_at, timeout_at, stuck_at, slow_at, overtaken,
       next_deadline_at
FROM runs
WHERE id = ANY(%b::uuid[]) AND monitor_id = ANY(%b::uuid[]) AND next_deadline_at <= %b::timestamptz
ORDER BY received_at, id

-- name: settle_monitors
-- Leaves on the locked monitors what a look at their silence found, and when to look again.
WITH changed AS (
    UPDATE monitors m
    SET judged_from = v.judged_from,
        settled_until = v.settled_until,
        paused_until = v.paused_until,
        failures_in_row = v.failures_in_row,
        successes_in_row = v.successes_in_row,
        next_deadline_at = v.next_deadline_at
    FROM unnest(%b::uuid[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::int[], %b::int[],
                %b::timestamptz[])
        AS v (id, judged_from, settled_until, paused_until, failures_in_row, successes_in_row, next_deadline_at)
    WHERE m.id = v.id
    RETURNING 1
)
SELECT luota_assert_rows('settle_monitors', %b::bigint, (SELECT count(*) FROM changed))

-- name: give_up_runs
-- Keeps the newest hundred of a monitor's stuck runs: every signal reads them under the lock, and where nobody closes runs,
-- they would be thousands. The others are as those that a later run has overtaken. Index: runs_stuck.
UPDATE runs r
SET stuck_at = NULL, overtaken = true
FROM unnest(%b::uuid[]) AS v (monitor_id)
CROSS JOIN LATERAL (
    SELECT s.id
    FROM runs s
    WHERE s.monitor_id = v.monitor_id AND s.stuck_at IS NOT NULL
    ORDER BY s.received_at DESC, s.id DESC
    OFFSET 100
) older
WHERE r.id = older.id

-- name: set_aside_monitors
-- Looks at monitors later, for a fault of ours that must not stop the others.
UPDATE monitors SET next_deadline_at = %b::timestamptz WHERE id = ANY(%b::uuid[])

-- name: set_aside_runs
-- Looks at runs later, for the same reason.
UPDATE runs SET next_deadline_at = %b::timestamptz WHERE id = ANY(%b::uuid[]) AND state = 'running'
