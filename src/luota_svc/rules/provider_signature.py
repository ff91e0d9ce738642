"""Whether a provider's own webhook is the provider's: PagerDuty's signature of the raw body."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

# One for each secret that is valid while one is changed; more is no header of PagerDuty's.
_SIGNATURES_MOST: Final = 8
# Stands for the secret of a route that is not there: refusing takes as long.
_NOBODY: Final = "no such route"


def signed_by_pagerduty(secret: str | None, body: bytes, header: str) -> bool:
    """Tell whether one signature of `v1=<hex>,v1=<hex>` is HMAC-SHA256 of the body under the secret; None: never.

    Compared in constant time, all of them. Source: PagerDuty's developer documentation, verifying signatures.
    """
    ours = b"v1=" + hmac.new((secret or _NOBODY).encode(), body, hashlib.sha256).hexdigest().encode()
    shown = header.encode(errors="replace").split(b",")[:_SIGNATURES_MOST]
    matches = [hmac.compare_digest(ours, signature.strip()) for signature in shown]
    return bool(secret) and any(matches)
