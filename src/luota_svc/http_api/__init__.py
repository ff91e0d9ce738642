"""DOOR: HTTP. Ingest as JSON, the management methods by a generic transcoder, errors as HTTP. No rules, no SQL."""
