"""Which `X-Request-Id` of a caller is kept: one rule for all doors."""

from __future__ import annotations

import re
from typing import Final

from luota_svc.rules.ingest_key import holds_token

_FIT: Final = re.compile(r"[\x21-\x7e]{8,128}")


def fit_caller_request_id(text: str | None) -> str | None:
    """Return what is 8 to 128 visible ASCII characters and holds no token of ours; None for anything else.

    The id is kept on rows and lines and can be looked up: a client that mixes up its headers must not leave its
    secret there.
    """
    return text if text is not None and _FIT.fullmatch(text) and not holds_token(text) else None
