"""The headers by which a provider's log and ours are found together; they change nothing for whoever ignores them."""

from __future__ import annotations

from luota_svc.model.deliveries import Dispatch


def correlation_headers(dispatch: Dispatch) -> dict[str, str]:
    """Return the request id and the attempt's trace of a dispatch, each where it has one."""
    headers = {"X-Request-Id": dispatch.request_id, "traceparent": dispatch.traceparent}
    return {name: value for name, value in headers.items() if value is not None}
