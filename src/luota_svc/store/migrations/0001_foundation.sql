-- Every fact and every duty of Luota. Enums are text with a CHECK: readable in psql, one word in every layer.
-- Hot tables (runs, signals, incidents, deliveries) have no foreign keys to each other: a key check would take
-- share locks on rows that the ingest fold holds. The monitor row is the mutex of its runs, incidents and counters.

-- Raises when a guarded write touched another number of rows than its writer decided on. Called in the statement
-- itself, so that the COMMIT in the same pipeline is skipped.
CREATE FUNCTION luota_assert_rows(what text, expected bigint, actual bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    IF expected <> actual THEN
        RAISE EXCEPTION 'guarded write % touched % rows, expected %', what, actual, expected
            USING ERRCODE = 'LU001';
    END IF;
    RETURN actual;
END $$;

-- Makes daily partitions of one table from today to `days_ahead` days ahead (UTC); what stands already is left alone.
-- A row of a day that nobody prepared lands in the default partition, which must stay empty.
CREATE FUNCTION luota_make_partitions(parent text, days_ahead int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    first_day date := (now() AT TIME ZONE 'UTC')::date;
    day date;
    part text;
    made int := 0;
BEGIN
    FOR i IN 0..days_ahead LOOP
        day := first_day + i;
        part := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
        IF to_regclass(part) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', part, parent,
                           day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;

CREATE TABLE workspaces (
    id uuid PRIMARY KEY,
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- The workspace's own limits; NULL means the installation's, 0 none.
    limit_monitor_token_minute int CHECK (limit_monitor_token_minute >= 0),
    limit_monitor_token_hour int CHECK (limit_monitor_token_hour >= 0),
    limit_workspace_minute int CHECK (limit_workspace_minute >= 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT workspaces_slug_key UNIQUE (slug)
);

CREATE TABLE operator_tokens (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    -- NULL means the whole instance.
    workspace_id uuid REFERENCES workspaces (id),
    secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);
CREATE INDEX operator_tokens_newest ON operator_tokens (created_at DESC, id DESC);

CREATE TABLE monitors (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    -- What the operator sets.
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    kind text NOT NULL CHECK (kind IN ('heartbeat', 'run', 'freshness')),
    schedule_cron text,
    schedule_timezone text NOT NULL DEFAULT 'UTC',
    interval_seconds int CHECK (interval_seconds >= 30),
    grace_seconds int NOT NULL CHECK (grace_seconds >= 0),
    early_tolerance_seconds int CHECK (early_tolerance_seconds >= 0),
    max_age_seconds int CHECK (max_age_seconds > 0),
    max_duration_seconds int CHECK (max_duration_seconds > 0),
    min_duration_seconds int CHECK (min_duration_seconds > 0),
    stuck_after_seconds int CHECK (stuck_after_seconds > 0),
    timeout_seconds int CHECK (timeout_seconds > 0),
    failure_threshold int NOT NULL CHECK (failure_threshold BETWEEN 1 AND 720),
    recovery_threshold int NOT NULL CHECK (recovery_threshold BETWEEN 1 AND 720),
    remind_every_seconds int NOT NULL CHECK (remind_every_seconds >= 0),
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
    owner text NOT NULL,
    runbook_url text NOT NULL,
    environment text NOT NULL,
    promise text NOT NULL,
    tags jsonb NOT NULL,
    paused_until timestamptz,
    muted_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    -- What Luota counts, under the row's lock. One of the two counters is 0.
    failures_in_row int NOT NULL DEFAULT 0 CHECK (failures_in_row >= 0),
    successes_in_row int NOT NULL DEFAULT 0 CHECK (successes_in_row >= 0),
    last_judged_close_at timestamptz,
    last_signal jsonb,
    last_good_signal jsonb,
    next_deadline_at timestamptz,
    CONSTRAINT monitors_one_schedule CHECK (schedule_cron IS NULL OR interval_seconds IS NULL),
    CONSTRAINT monitors_freshness_has_max_age CHECK (kind <> 'freshness' OR max_age_seconds IS NOT NULL),
    CONSTRAINT monitors_one_counter CHECK (failures_in_row = 0 OR successes_in_row = 0)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX monitors_slug_key ON monitors (workspace_id, slug) WHERE deleted_at IS NULL;
-- Serves the sweep: what is due now.
CREATE INDEX monitors_due ON monitors (next_deadline_at) WHERE next_deadline_at IS NOT NULL AND deleted_at IS NULL;

CREATE TABLE ingest_keys (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    -- NULL means all of the workspace.
    monitor_id uuid REFERENCES monitors (id),
    name text NOT NULL CHECK (length(name) <= 100),
    secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    replaces_id uuid REFERENCES ingest_keys (id),
    -- A key is replaced once; rotating the replaced one again is refused.
    CONSTRAINT ingest_keys_replaced_once UNIQUE (replaces_id)
) WITH (fillfactor = 70);
CREATE INDEX ingest_keys_of_workspace ON ingest_keys (workspace_id, created_at DESC, id DESC);
CREATE INDEX ingest_keys_of_monitor ON ingest_keys (monitor_id, created_at DESC, id DESC);

-- The idempotency key of a start, for the monitor's life: outlives the run, which retention may remove.
CREATE TABLE run_keys (
    monitor_id uuid NOT NULL,
    external_run_id text NOT NULL CHECK (length(external_run_id) BETWEEN 1 AND 200),
    run_id uuid NOT NULL,
    -- What the pruned run was, so that a repeat years later still gets its answer.
    pruned jsonb,
    PRIMARY KEY (monitor_id, external_run_id)
);

CREATE TABLE runs (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    monitor_id uuid NOT NULL,
    external_run_id text NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'expired')),
    -- The sender's instant where it gave one, else the receipt.
    started_at timestamptz NOT NULL,
    -- True where the sender gave the start's instant: a duration is the sender's when both ends are.
    start_occurred boolean NOT NULL,
    -- False for a run that its close opened; the first start that comes after is kept once as evidence.
    start_seen boolean NOT NULL,
    received_at timestamptz NOT NULL,
    last_sign_at timestamptz NOT NULL,
    finished_at timestamptz,
    duration_ms bigint CHECK (duration_ms >= 0),
    summary text,
    exit_code int,
    deploy_sha text,
    host text,
    environment text,
    tags jsonb,
    notes jsonb,
    request_id text NOT NULL,
    close_request_id text,
    -- The incident that its close opened, joined or resolved.
    incident_id uuid,
    timeout_at timestamptz NOT NULL,
    next_deadline_at timestamptz,
    CONSTRAINT runs_closed_or_running CHECK ((state = 'running') = (finished_at IS NULL)),
    CONSTRAINT runs_duration_when_closed CHECK ((finished_at IS NULL) = (duration_ms IS NULL)),
    CONSTRAINT runs_deadline_while_running CHECK (next_deadline_at IS NULL OR state = 'running')
) WITH (fillfactor = 80);
CREATE INDEX runs_of_monitor ON runs (monitor_id, received_at DESC, id DESC);
-- Serves the sweep: running runs whose silence is judged next.
CREATE INDEX runs_due ON runs (next_deadline_at) WHERE next_deadline_at IS NOT NULL;

-- One immutable row per message from outside, partitioned by day of receipt.
CREATE TABLE signals (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    monitor_id uuid NOT NULL,
    run_id uuid,
    type text NOT NULL CHECK (type IN ('ping', 'start', 'progress', 'success', 'fail', 'finish')),
    received_at timestamptz NOT NULL,
    occurred_at timestamptz,
    door text NOT NULL,
    key_id uuid NOT NULL,
    request_id text NOT NULL,
    caller_request_id text,
    traceparent text,
    source_address text,
    incident_id uuid,
    summary text,
    exit_code int,
    output text,
    payload text,
    deploy_sha text,
    host text,
    environment text,
    tags jsonb,
    notes jsonb,
    -- Also the index that lists a monitor's signals.
    PRIMARY KEY (monitor_id, received_at, id)
) PARTITION BY RANGE (received_at);
CREATE INDEX signals_of_request ON signals (request_id);
CREATE INDEX signals_of_caller_request ON signals (caller_request_id) WHERE caller_request_id IS NOT NULL;
CREATE TABLE signals_default PARTITION OF signals DEFAULT;

-- Makes a ping idempotent for its monitor.
CREATE TABLE signal_keys (
    monitor_id uuid NOT NULL,
    signal_key text NOT NULL CHECK (length(signal_key) BETWEEN 1 AND 200),
    signal_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (monitor_id, signal_key)
);

CREATE TABLE incidents (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    monitor_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('failed', 'missed', 'late', 'slow', 'fast', 'stuck', 'stale')),
    state text NOT NULL CHECK (state IN ('open', 'acknowledged', 'resolved')),
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
    opened_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_until timestamptz,
    resolved_at timestamptz,
    resolution text CHECK (resolution IN ('recovered', 'by_hand', 'monitor_deleted')),
    root_run_id uuid,
    request_id text,
    traceparent text,
    occurrence_count int NOT NULL CHECK (occurrence_count >= 1),
    -- Numbers the timeline and the alerts; both only grow.
    event_count int NOT NULL CHECK (event_count >= 1),
    alert_sequence int NOT NULL DEFAULT 0,
    previous_incident_id uuid,
    next_reminder_at timestamptz,
    muted boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT incidents_resolved_has_instant CHECK ((state = 'resolved') = (resolved_at IS NOT NULL)),
    CONSTRAINT incidents_resolved_has_reason CHECK ((state = 'resolved') = (resolution IS NOT NULL)),
    CONSTRAINT incidents_acknowledged_has_instant CHECK (state <> 'acknowledged' OR acknowledged_at IS NOT NULL)
) WITH (fillfactor = 80);
-- The invariant: at most one unresolved incident per monitor and kind, acknowledged included.
CREATE UNIQUE INDEX incidents_one_unresolved ON incidents (monitor_id, kind) WHERE resolved_at IS NULL;
CREATE INDEX incidents_of_monitor ON incidents (monitor_id, kind, opened_at DESC);
CREATE INDEX incidents_newest ON incidents (workspace_id, opened_at DESC, id DESC);
CREATE INDEX incidents_unresolved ON incidents (workspace_id, opened_at DESC, id DESC) WHERE resolved_at IS NULL;

-- The timeline; append-only but for occurrences in the middle (the first and last 100 are kept).
CREATE TABLE incident_events (
    incident_id uuid NOT NULL,
    number int NOT NULL,
    event text NOT NULL CHECK (event IN ('opened', 'occurrence', 'acknowledged', 'note', 'delivery_changed',
                                         'recovered', 'resolved')),
    at timestamptz NOT NULL,
    actor text NOT NULL,
    request_id text,
    run_id uuid,
    signal_id uuid,
    occurrence_number int,
    detail text,
    PRIMARY KEY (incident_id, number)
);

CREATE TABLE alert_routes (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    kind text NOT NULL,
    -- Empty means every monitor of the workspace.
    monitor_ids uuid[] NOT NULL,
    min_severity text NOT NULL CHECK (min_severity IN ('info', 'warning', 'error', 'critical')),
    -- Encrypted at rest; the mask is what people see.
    target bytea NOT NULL,
    target_mask text NOT NULL,
    -- SHA-256 of the whole target: what the bulkhead and the breaker are about.
    destination bytea NOT NULL CHECK (length(destination) = 32),
    fallback boolean NOT NULL,
    after_seconds int NOT NULL CHECK (after_seconds >= 0),
    enabled boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('unproven', 'proven', 'retrying', 'broken')),
    last_delivered_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    version bigint NOT NULL DEFAULT 1
);
CREATE INDEX alert_routes_of_workspace ON alert_routes (workspace_id) WHERE deleted_at IS NULL;

-- Bulkhead and breaker of one target within one workspace.
CREATE TABLE destinations (
    workspace_id uuid NOT NULL,
    destination bytea NOT NULL CHECK (length(destination) = 32),
    failures_in_row int NOT NULL DEFAULT 0,
    open_until timestamptz,
    open_seconds int,
    PRIMARY KEY (workspace_id, destination)
);

-- The duty to tell one route about incident changes: domain record and outbox row at once.
CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    route_id uuid NOT NULL,
    destination bytea NOT NULL CHECK (length(destination) = 32),
    reason text NOT NULL CHECK (reason IN ('opened', 'reminder', 'resolved', 'escalation', 'route_failure',
                                           'test', 'drill')),
    state text NOT NULL CHECK (state IN ('pending', 'sending', 'delivered', 'failed_retrying', 'failed_terminal',
                                         'cancelled')),
    severity_rank smallint NOT NULL CHECK (severity_rank BETWEEN 1 AND 4),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    next_attempt_at timestamptz,
    attempt_count int NOT NULL DEFAULT 0,
    deferral_count int NOT NULL DEFAULT 0,
    lost_count int NOT NULL DEFAULT 0,
    -- Fence: only the holder of the newest token may settle.
    lease_token bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    -- Frozen at the first claim, the same bytes on every attempt.
    content bytea,
    first_failed_at timestamptz,
    settled_at timestamptz,
    provider_id text,
    last_error text,
    replay_of uuid,
    request_id text,
    traceparent text,
    CONSTRAINT deliveries_sending_has_lease CHECK ((state = 'sending') = (lease_until IS NOT NULL)),
    CONSTRAINT deliveries_waiting_has_instant
        CHECK ((state IN ('pending', 'failed_retrying')) = (next_attempt_at IS NOT NULL)),
    CONSTRAINT deliveries_final_is_settled
        CHECK ((state IN ('delivered', 'failed_terminal', 'cancelled')) = (settled_at IS NOT NULL))
) WITH (fillfactor = 70);
-- Serves the claim: what is due, by destination.
CREATE INDEX deliveries_due ON deliveries (next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX deliveries_of_route ON deliveries (route_id, created_at DESC);

CREATE TABLE delivery_incidents (
    delivery_id uuid NOT NULL,
    incident_id uuid NOT NULL,
    route_id uuid NOT NULL,
    -- Counts what this route is told about this incident.
    sequence int NOT NULL,
    -- False once the delivery is final.
    live boolean NOT NULL,
    PRIMARY KEY (delivery_id, incident_id)
);
CREATE INDEX delivery_incidents_of_incident ON delivery_incidents (incident_id);
-- The invariant: at most one live delivery per incident and route.
CREATE UNIQUE INDEX delivery_incidents_one_live ON delivery_incidents (incident_id, route_id) WHERE live;

-- One call to a provider; append-only.
CREATE TABLE delivery_attempts (
    delivery_id uuid NOT NULL,
    number int NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    outcome text NOT NULL,
    http_status int,
    provider_id text,
    retry_after_seconds int,
    error text,
    reply text,
    resolved_address text,
    worker text NOT NULL,
    trace_id text,
    PRIMARY KEY (delivery_id, number, started_at)
) PARTITION BY RANGE (started_at);
CREATE TABLE delivery_attempts_default PARTITION OF delivery_attempts DEFAULT;

-- Refusals, duplicates, batches and management calls; an accepted signal is its own record.
CREATE TABLE requests (
    request_id text NOT NULL,
    received_at timestamptz NOT NULL,
    door text NOT NULL,
    method text NOT NULL,
    status text NOT NULL,
    error_code text,
    duration_ms int NOT NULL,
    workspace_id uuid,
    monitor_id uuid,
    run_id uuid,
    incident_id uuid,
    key_id uuid,
    actor text,
    caller_request_id text,
    trace_id text,
    source_address text,
    PRIMARY KEY (request_id, received_at)
) PARTITION BY RANGE (received_at);
CREATE INDEX requests_of_caller_request ON requests (caller_request_id) WHERE caller_request_id IS NOT NULL;
CREATE TABLE requests_default PARTITION OF requests DEFAULT;

CREATE TABLE audit_entries (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    workspace_id uuid,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target_type text NOT NULL,
    target_id text NOT NULL,
    before jsonb,
    after jsonb,
    request_id text NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX audit_entries_newest ON audit_entries (workspace_id, at DESC, id DESC);
CREATE TABLE audit_entries_default PARTITION OF audit_entries DEFAULT;

-- Makes management creates idempotent, in the same transaction as the thing made.
CREATE TABLE idempotency_keys (
    actor_id uuid NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    request_hash bytea NOT NULL,
    target_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (actor_id, key)
);

SELECT luota_make_partitions(parent, 14)
FROM unnest(ARRAY['signals', 'delivery_attempts', 'requests', 'audit_entries']) AS parent;
