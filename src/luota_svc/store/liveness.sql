-- When processes that take signals were last alive, and the spans in which none was (store/liveness.py).

-- name: note_gap
-- Records the time in which nobody took signals, with the first beat after it; whoever is first, it is one row.
INSERT INTO ingest_gaps (started_at, ended_at)
SELECT max(last_seen_at), %(now)s::timestamptz
FROM ingest_liveness
HAVING max(last_seen_at) < %(now)s::timestamptz - make_interval(secs => %(seconds)s)
ON CONFLICT (started_at) DO NOTHING
RETURNING started_at, ended_at

-- name: beat
-- Says that a process takes signals. A clock that was set back does not take back what was said.
INSERT INTO ingest_liveness (process_id, last_seen_at) VALUES (%(process_id)s, %(now)s)
ON CONFLICT (process_id) DO UPDATE SET last_seen_at = greatest(excluded.last_seen_at, ingest_liveness.last_seen_at)

-- name: forget_processes
-- Lets go of processes that are gone; never of the newest, from which a gap would count.
DELETE FROM ingest_liveness
WHERE last_seen_at < %(before)s AND last_seen_at < (SELECT max(last_seen_at) FROM ingest_liveness)

-- name: forget_gaps
-- Lets go of gaps that no open deadline can reach back to.
DELETE FROM ingest_gaps WHERE ended_at < %(before)s

-- name: gaps
-- The newest gaps. Index: ingest_gaps_newest.
SELECT started_at, ended_at FROM ingest_gaps ORDER BY ended_at DESC LIMIT 1000
