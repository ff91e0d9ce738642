-- The judgement of time: what silence is measured from, when it is looked at next, and what an incident keeps of it.

ALTER TABLE monitors
    -- Expected instants up to here are settled: judged, or before the monitor was made, resumed or re-scheduled. Of a
    -- freshness monitor: deadlines up to here.
    ADD COLUMN settled_until timestamptz NOT NULL DEFAULT now(),
    -- Silence before it does not count: when the monitor was made, resumed or re-scheduled.
    ADD COLUMN judged_from timestamptz NOT NULL DEFAULT now(),
    -- Receipt of the last signal that counts for the schedule: a ping, or a signal that opened a run.
    ADD COLUMN last_heard_at timestamptz,
    -- The newest min(occurredAt, receipt) of a freshness monitor's signals.
    ADD COLUMN last_fresh_at timestamptz;
-- What stood before is looked at once, and then has its deadline.
UPDATE monitors SET next_deadline_at = now() WHERE deleted_at IS NULL;

ALTER TABLE runs
    -- Since when it counts as stuck; a sign of life, its close or a later run's success ends that.
    ADD COLUMN stuck_at timestamptz,
    -- When it was found to take longer than its monitor allows.
    ADD COLUMN slow_at timestamptz,
    -- It was stuck, and a later run has done its work: its silence means nothing more, until a sign of life of its own.
    ADD COLUMN overtaken boolean NOT NULL DEFAULT false;
CREATE INDEX runs_stuck ON runs (monitor_id) WHERE stuck_at IS NOT NULL;

ALTER TABLE incidents
    -- Why it opened, in a rule's word (docs/states.md).
    ADD COLUMN reason text NOT NULL DEFAULT '',
    -- For silence: the instant at which something was expected, and the deadline that passed.
    ADD COLUMN expected_at timestamptz,
    ADD COLUMN deadline_at timestamptz,
    -- Who has taken it.
    ADD COLUMN acknowledged_by text,
    ADD COLUMN assignee text NOT NULL DEFAULT '',
    -- It opened in a quiet time that ends then; if it still stands, it is told then.
    ADD COLUMN tell_at timestamptz,
    -- The next of: the end of the quiet time, a reminder, the end of its acknowledgement.
    ADD COLUMN next_deadline_at timestamptz,
    ADD CONSTRAINT incidents_deadline_while_unresolved CHECK (next_deadline_at IS NULL OR resolved_at IS NULL);
-- Serves the sweep.
CREATE INDEX incidents_due ON incidents (next_deadline_at) WHERE next_deadline_at IS NOT NULL;

ALTER TABLE incident_events DROP CONSTRAINT incident_events_event_check;
ALTER TABLE incident_events
    ADD CONSTRAINT incident_events_event_check
        CHECK (event IN ('opened', 'occurrence', 'acknowledged', 'acknowledgement_ended', 'assigned', 'note', 'quiet_ended',
                         'delivery_changed', 'recovered', 'resolved')),
    -- In which transaction it was written and where in it: a reader that follows both never overtakes a slow commit.
    ADD COLUMN transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY;
-- Serves those who watch.
CREATE INDEX incident_events_watched ON incident_events (transaction_id, position);

-- What an incident froze when it opened: canonical JSON (RFC 8785) and its SHA-256. Most are 2-4 kB: kept in the row, where
-- compressing each inside the transaction of a failure would cost more than the room it saves.
CREATE TABLE incident_packets (
    incident_id uuid PRIMARY KEY,
    frozen text NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32)
) WITH (toast_tuple_target = 8160);

-- Spans in which incidents are judged and not told; one without monitors and tags covers its whole workspace.
CREATE TABLE maintenance_windows (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    monitor_ids uuid[] NOT NULL,
    -- A monitor with all of them is covered.
    tags jsonb NOT NULL,
    -- Once ...
    starts_at timestamptz,
    ends_at timestamptz,
    -- ... or again and again, from each instant of a cron line.
    cron text,
    timezone text NOT NULL DEFAULT 'UTC',
    duration_seconds int CHECK (duration_seconds > 0),
    author text NOT NULL,
    comment text NOT NULL CHECK (length(comment) <= 1000),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT maintenance_windows_once_or_again CHECK (
        (cron IS NULL AND starts_at IS NOT NULL AND ends_at > starts_at AND duration_seconds IS NULL)
        OR (cron IS NOT NULL AND duration_seconds IS NOT NULL AND starts_at IS NULL AND ends_at IS NULL))
);
-- Serves judging, which asks for those that are not over.
CREATE INDEX maintenance_windows_standing ON maintenance_windows (workspace_id, coalesce(ends_at, 'infinity'))
    WHERE deleted_at IS NULL;
CREATE INDEX maintenance_windows_newest ON maintenance_windows (workspace_id, created_at DESC, id DESC);

-- When each process that takes signals last committed; and the spans in which none did: silence of our own.
CREATE TABLE ingest_liveness (
    process_id uuid PRIMARY KEY,
    last_seen_at timestamptz NOT NULL
);
CREATE TABLE ingest_gaps (
    started_at timestamptz PRIMARY KEY,
    ended_at timestamptz NOT NULL,
    CONSTRAINT ingest_gaps_have_length CHECK (ended_at > started_at)
);
CREATE INDEX ingest_gaps_newest ON ingest_gaps (ended_at DESC);
