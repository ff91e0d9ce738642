"""Cuts what is too long to keep, so that no failure is lost for its size. Says what was cut: in place and in a note."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from luota_svc.model.runs import Note

# What is kept of one `output` or `payload`, in bytes of UTF-8.
KEPT_BYTES_MAX: Final = 32 * 1024
# A summary is one line for a phone; what is longer belongs into the output.
SUMMARY_CHARACTERS_MAX: Final = 1_000
TRUNCATED: Final = "truncated"
REPLACED: Final = "replaced_by_digest"

# The end of a log says why it failed, the beginning what was attempted: the end gets the larger share.
_HEAD_BYTES: Final = 12 * 1024
_MARKER_BYTES: Final = 64
_TAIL_BYTES: Final = KEPT_BYTES_MAX - _HEAD_BYTES - _MARKER_BYTES
_ELLIPSIS: Final = "…"


def truncate_output(text: str) -> tuple[str, Note | None]:
    """Return at most 32 KiB of output: its head, a line that says how many bytes are missing, and its tail."""
    if _fits(text):
        return text, None
    encoded = text.encode()
    size = len(encoded)
    if size <= KEPT_BYTES_MAX:
        return text, None
    head = _whole_characters(encoded[:_HEAD_BYTES])
    tail = _whole_characters(encoded[size - _TAIL_BYTES :])
    kept = len(head.encode()) + len(tail.encode())
    marker = f"\n[... {size - kept} bytes not kept ...]\n"
    return head + marker + tail, Note("output", TRUNCATED, original_bytes=size, kept_bytes=kept)


def truncate_payload(text: str) -> tuple[str, Note | None]:
    """Return a payload of at most 32 KiB as it is; a longer one becomes its size and SHA-256.

    Half of a JSON value is no JSON value. Size and digest are those of the UTF-8 text as it would have been kept,
    that is, after redaction.
    """
    if _fits(text):
        return text, None
    encoded = text.encode()
    size = len(encoded)
    if size <= KEPT_BYTES_MAX:
        return text, None
    digest = {"truncated": True, "originalBytes": size, "sha256": hashlib.sha256(encoded).hexdigest()}
    replacement = json.dumps(digest, separators=(",", ":"))
    return replacement, Note("payload", REPLACED, original_bytes=size, kept_bytes=0)


def truncate_summary(text: str) -> tuple[str, Note | None]:
    """Return at most 1,000 characters of a summary; a longer one ends in an ellipsis."""
    if len(text) <= SUMMARY_CHARACTERS_MAX:
        return text, None
    kept = text[: SUMMARY_CHARACTERS_MAX - 1]
    note = Note("summary", TRUNCATED, original_bytes=len(text.encode()), kept_bytes=len(kept.encode()))
    return kept + _ELLIPSIS, note


def _fits(text: str) -> bool:
    """Tell, without encoding, that even four bytes a character would fit."""
    return len(text) <= KEPT_BYTES_MAX // 4


def _whole_characters(encoded: bytes) -> str:
    """Drop the pieces of characters at both ends of a cut out of valid UTF-8."""
    return encoded.decode(errors="ignore")
