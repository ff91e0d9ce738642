-- Delivery: what a route proves, how duties are claimed, paced and settled, and what became of each attempt.

ALTER TABLE alert_routes
    ADD CONSTRAINT alert_routes_kind CHECK (kind IN ('webhook', 'email', 'slack', 'pagerduty', 'alertmanager', 'apprise', 'inbox')),
    -- The newest failure, in one sentence without secrets; kept until the next delivery.
    ADD COLUMN last_error text,
    ADD COLUMN last_failed_at timestamptz,
    -- When an Alertmanager was last sent what stands: it forgets what is not said again.
    ADD COLUMN refreshed_at timestamptz,
    -- Made by a drill: it is told of the drill's monitor, which is told to no other route.
    ADD COLUMN drill boolean NOT NULL DEFAULT false;

-- Serves the refresh of such receivers, which tells them the ends of a quarter of an hour again.
CREATE INDEX incidents_ended ON incidents (workspace_id, resolved_at) WHERE resolved_at IS NOT NULL;

ALTER TABLE destinations
    -- The bulkhead: at most so many claims in one second.
    ADD COLUMN per_second smallint NOT NULL DEFAULT 10 CHECK (per_second > 0),
    ADD COLUMN claimed_second timestamptz,
    ADD COLUMN claimed_in_second smallint NOT NULL DEFAULT 0,
    -- Whether it is people who read there: they are told at a pace; a pager folds what it gets by itself.
    ADD COLUMN paced boolean NOT NULL DEFAULT true,
    -- The pace of messages to people (rules/pace): the last one, how many followed closely, and until when a storm lasts.
    ADD COLUMN last_message_at timestamptz,
    ADD COLUMN messages_in_row int NOT NULL DEFAULT 0,
    ADD COLUMN storm_until timestamptz;

ALTER TABLE deliveries
    -- When it was first due: an escalation is due later than it was made.
    ADD COLUMN due_at timestamptz,
    -- Who holds the lease.
    ADD COLUMN worker text,
    -- Told together with others: by that delivery, which lists what this one was to tell.
    ADD COLUMN gathered_into uuid,
    -- Of an e-mail: who has not taken it yet. NULL: everybody on the route.
    ADD COLUMN recipients text[],
    -- When somebody else is told that this one does not arrive; NULL once that was done, or while all is well.
    ADD COLUMN fallback_due_at timestamptz,
    -- Later attempts are traces of their own, which link to the first.
    ADD COLUMN first_attempt_traceparent text,
    -- Its state changed, and its incidents' timelines do not say so yet.
    ADD COLUMN unnoted boolean NOT NULL DEFAULT false,
    -- Which route a route_failure is about.
    ADD COLUMN about_route_id uuid;
-- What is told stays beside the row where it is long, for the row is written anew three times after that.
ALTER TABLE deliveries SET (toast_tuple_target = 512);
UPDATE deliveries SET due_at = coalesce(next_attempt_at, created_at);
CREATE INDEX deliveries_waiting ON deliveries (workspace_id, destination, next_attempt_at, id)
    WHERE next_attempt_at IS NOT NULL;
-- Serves a change of a route, and what it leaves behind.
CREATE INDEX deliveries_waiting_of_route ON deliveries (route_id, destination, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_in_flight ON deliveries (workspace_id, destination) WHERE lease_until IS NOT NULL;
CREATE INDEX deliveries_expiring ON deliveries (expires_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_fallback ON deliveries (fallback_due_at) WHERE fallback_due_at IS NOT NULL;
CREATE INDEX deliveries_unnoted ON deliveries (id) WHERE unnoted;
-- Serves support, which follows a request to whom it was told.
CREATE INDEX deliveries_of_request ON deliveries (request_id) WHERE request_id IS NOT NULL;
-- What fallback routes were told of a route.
CREATE INDEX deliveries_about ON deliveries (about_route_id, created_at) WHERE about_route_id IS NOT NULL;
CREATE INDEX deliveries_replayed ON deliveries (replay_of) WHERE replay_of IS NOT NULL;

ALTER TABLE delivery_attempts
    ADD CONSTRAINT delivery_attempts_outcome CHECK (outcome IN ('delivered', 'refused', 'throttled', 'overloaded', 'failed',
        'timed_out', 'unreachable', 'rejected', 'blocked', 'lost')),
    -- It was settled after its lease had passed to somebody else.
    ADD COLUMN late boolean NOT NULL DEFAULT false,
    ADD COLUMN duration_ms int,
    ADD COLUMN request_id text;

-- What `dev` told its operator in place of a provider.
CREATE TABLE inbox_messages (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    delivery_id uuid NOT NULL UNIQUE,
    received_at timestamptz NOT NULL,
    content bytea NOT NULL,
    request_id text
);
CREATE INDEX inbox_messages_newest ON inbox_messages (received_at DESC, id DESC);

-- Failures on purpose: what each made, and whether its receiver takes what it is told.
CREATE TABLE drills (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    monitor_id uuid NOT NULL,
    route_id uuid NOT NULL,
    request_id text NOT NULL,
    received_count int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    repaired_at timestamptz,
    ended_at timestamptz
);
CREATE INDEX drills_standing ON drills (workspace_id, expires_at) WHERE ended_at IS NULL;
