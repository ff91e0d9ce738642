-- The timelines of all incidents in one order that a reader can follow (store/watching.py).
--
-- A row is shown only when every transaction that began before its own has ended: then nothing can appear before it any
-- more, and a commit that took long is never overtaken. Any transaction that writes, in any database of the cluster, holds
-- the order back while it runs.

-- name: stand
-- Says how far the order is settled, and on which server, in which of its histories: a restored or promoted server may
-- give a transaction's number a second time.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS settled,
       pg_snapshot_xmax(pg_current_snapshot())::text AS next,
       (SELECT system_identifier::text FROM pg_control_system()) || '.' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
           AS cluster

-- name: happenings
-- Reads what comes after a place, up to a settled one, in order. Index: incident_events_watched.
SELECT e.transaction_id::text AS transaction_id, e.position, e.incident_id, e.number, e.event, e.at, e.actor,
       e.request_id, e.run_id, e.signal_id, e.occurrence_number, e.detail
FROM incident_events e
JOIN incidents i ON i.id = e.incident_id
WHERE (e.transaction_id, e.position) > (%(after_transaction)s::text::xid8, %(after_position)s::bigint)
  AND (e.transaction_id, e.position) <= (%(up_to_transaction)s::text::xid8, %(up_to_position)s::bigint)
  AND (%(workspace_id)s::uuid IS NULL OR i.workspace_id = %(workspace_id)s::uuid)
  AND (%(incident_id)s::uuid IS NULL OR e.incident_id = %(incident_id)s::uuid)
ORDER BY e.transaction_id, e.position
LIMIT %(limit)s
