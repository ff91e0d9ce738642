-- What operators' changes mean for the judgement of silence (store/silence.py). The monitor's lock is held.

-- name: judge_from
-- Lets silence count from an instant on, and the sweep look at once: it finds the next deadline.
UPDATE monitors SET judged_from = %(at)s, settled_until = %(at)s, next_deadline_at = %(at)s WHERE id = %(id)s

-- name: look_at
-- Lets the sweep look at a monitor at once: what it promises has changed.
UPDATE monitors SET next_deadline_at = %(at)s WHERE id = %(id)s

-- name: settle
-- Lets expected instants up to one be settled: a signal has counted for them.
UPDATE monitors SET settled_until = greatest(settled_until, %(until)s) WHERE id = %(id)s

-- name: look_at_runs
-- Lets the sweep look at a monitor's running runs, at once or (NULL) never again. Index: runs_of_monitor.
UPDATE runs SET next_deadline_at = %(at)s WHERE monitor_id = %(id)s AND next_deadline_at IS NOT NULL

-- name: watches
-- What the silence of monitors is judged by. Index: monitors_pkey.
SELECT id, kind, schedule_cron, schedule_timezone, interval_seconds, grace_seconds, early_tolerance_seconds,
       max_age_seconds, judged_from, settled_until, last_heard_at, last_fresh_at, paused_until
FROM monitors
WHERE id = ANY(%(ids)s)
