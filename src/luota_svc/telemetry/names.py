"""Every span, metric, attribute and log event name, once. No behaviour."""

from __future__ import annotations

from typing import Final

# Spans. A door's span is called "<method> <route>" (HTTP) or by its full method (gRPC), as the conventions ask.
SPAN_INGEST: Final = "luota.ingest"
SPAN_BATCH: Final = "luota.ingest.batch"
SPAN_MANAGE: Final = "luota.manage"

# Attributes of OpenTelemetry's stable conventions.
HTTP_REQUEST_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
URL_SCHEME: Final = "url.scheme"
URL_PATH: Final = "url.path"
RPC_SYSTEM_NAME: Final = "rpc.system.name"
RPC_METHOD: Final = "rpc.method"
RPC_RESPONSE_STATUS_CODE: Final = "rpc.response.status_code"
ERROR_TYPE: Final = "error.type"

# Attributes of our own.
ATTR_REQUEST_ID: Final = "luota.request_id"
ATTR_BATCH_MEMBERS: Final = "luota.batch.members"
ATTR_BATCH_LINKS_DROPPED: Final = "luota.batch.links_dropped"

# Metrics. Labels are door, method (a template), code, outcome, policy: never a tenant, never a URL.
METRIC_REQUESTS: Final = "luota_requests"
METRIC_REQUEST_SECONDS: Final = "luota_request_duration_seconds"
METRIC_BATCH_MEMBERS: Final = "luota_batch_members"
METRIC_BATCH_WAIT_SECONDS: Final = "luota_batch_wait_seconds"
METRIC_BATCH_SECONDS: Final = "luota_batch_duration_seconds"
METRIC_BATCH_OUTCOMES: Final = "luota_batch_outcomes"
METRIC_QUEUE_MEMBERS: Final = "luota_ingest_queue_members"
METRIC_QUEUE_BYTES: Final = "luota_ingest_queue_bytes"
METRIC_BUCKET_REFUSALS: Final = "luota_bucket_refusals"
METRIC_RATELIMIT_DEGRADED: Final = "luota_ratelimit_degraded"
METRIC_RATELIMIT_DEGRADATIONS: Final = "luota_ratelimit_degradations"
METRIC_SWEEP_LAG_SECONDS: Final = "luota_sweep_lag_seconds"
METRIC_SWEEP_BEHIND_SECONDS: Final = "luota_sweep_behind_seconds"
METRIC_JUDGED: Final = "luota_judged"
METRIC_POOL_WAITING: Final = "luota_database_pool_waiting"
METRIC_LOOP_LAG_SECONDS: Final = "luota_loop_lag_seconds"
METRIC_RECORDS_DROPPED: Final = "luota_request_records_dropped"
METRIC_LOG_LINES_DROPPED: Final = "luota_log_lines_dropped"
METRIC_SPANS: Final = "luota_spans"
METRIC_BUILD: Final = "luota_build"

# Log events: lower_snake and stable, so that an operator may search for them.
LOG_ACCESS: Final = "access"
LOG_STARTING: Final = "starting"
LOG_READY: Final = "ready"
LOG_BOOTSTRAP_REFUSED: Final = "bootstrap_refused"
LOG_DRAINING: Final = "draining"
LOG_STOPPED: Final = "stopped"
LOG_STOP_FAILED: Final = "stop_failed"
LOG_SETTING_UNKNOWN: Final = "setting_unknown"
LOG_INTERNAL_ERROR: Final = "internal_error"
LOG_BATCH_FAILED: Final = "batch_failed"
LOG_COMMIT_UNKNOWN: Final = "commit_unknown"
LOG_NOT_READY: Final = "not_ready"
LOG_RATELIMIT_DEGRADED: Final = "ratelimit_degraded"
LOG_RATELIMIT_RESTORED: Final = "ratelimit_restored"
LOG_PARTITION_MISSING: Final = "partition_missing"
LOG_SWEEP_FAILED: Final = "sweep_failed"
LOG_SWEEP_WAITS: Final = "sweep_waits"
LOG_JUDGEMENT_FAILED: Final = "judgement_failed"
LOG_BEAT_FAILED: Final = "beat_failed"
LOG_GAP_RECORDED: Final = "gap_recorded"
LOG_WATCH_FAILED: Final = "watch_failed"
LOG_UPKEEP_FAILED: Final = "upkeep_failed"
LOG_TRACES_SETTING_IGNORED: Final = "traces_setting_ignored"
