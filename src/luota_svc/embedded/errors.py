"""What goes wrong with the private servers, in one line for the operator."""

from __future__ import annotations


class EmbeddedError(Exception):
    """The private servers can't be started; the message is one line that says why and what to do."""
